"""
An image that this host lacks, or that is to be pulled again: from another node, or from its registry.

Note [Which of them is asked first]
    Other nodes are: they are near, and may have what no registry has. But a restart asks what a tag leads to now, and
    that only its registry knows; so then the others are asked if it gives none. Where both fail the reason is the
    registry's, and what the others said. Its refusal then proves nothing: one of them has the image.
"""

from __future__ import annotations

from collections.abc import Callable

from daprdockr.agent.host.stock import Stock
from daprdockr.agent.reconcile.engine_threads import EngineThreads, registry
from daprdockr.agent.reconcile.other_nodes import FromOthers
from daprdockr.model.errors import EngineError, ImageAbsent, PullFailed
from daprdockr.model.host import Image
from daprdockr.planning.container_steps import PullImage

MOST_FAILED = 100
"""Images that could not be had and are remembered."""


class Pulling:
    """:param record_event: takes an event for people: its subject, and one sentence."""

    def __init__(self, threads: EngineThreads, stock: Stock, record_event: Callable[[str, str], None]) -> None:
        self._threads = threads
        self._engine = threads.engine
        self._stock = stock
        self._record_event = record_event
        self._failed: dict[str, int] = {}
        """By image: how many attempts in a row have failed, each of which may have been an event."""

    async def __call__(self, step: PullImage) -> None:
        """
        Carry out the step, and record that it succeeded at last, if it failed before.

        :raises EngineError: the image is not there afterwards.
        """
        failed = self._failed.pop(step.reference, 0)
        try:
            await self._have(step)
        except EngineError:
            self._failed[step.reference] = failed + 1
            if len(self._failed) > MOST_FAILED:
                del self._failed[next(iter(self._failed))]
            raise
        if failed:
            times = "one attempt" if failed == 1 else f"{failed} attempts"
            self._record_event(step.reference, f"is there at last, after {times} that failed")

    async def _have(self, step: PullImage) -> None:
        run = self._threads.work.of(step.reference)
        image = await run(self._engine.image, step.reference)
        resolves, others = False, FromOthers()
        if image is None or step.restarted:
            resolves, others = await self._pull(step, image)
            image = await run(self._engine.image, step.reference)
        if image is None:
            raise ImageAbsent(f"image {step.reference} is not there after it was pulled")
        if others.by:
            self._stock.handed(step.reference, image, others.digest)
        self._stock.pulled(step.reference, image, step.restarted, image.digest if resolves else "")

    async def _pull(self, step: PullImage, image: Image | None) -> tuple[bool, FromOthers]:
        """
        Pull, whatever is here; return whether a registry gave it, and what other nodes did. Of a restart an image that
        is here is good enough if none can be pulled, because it may have been built here, or the registry may be away:
        a person learns of it.
        """
        others = await self._fetch(step) if image is None and not step.restarted else FromOthers()
        if others.by:
            return False, others
        try:
            await self._threads.pulls.of(registry(step.reference))(self._engine.pull, step.reference)
        except PullFailed as error:
            if image is None:
                return False, await self._fetch_instead(step, error, others)
            self._record_event(step.reference, f"restarted with the image of that name that is here: {error}")
            return False, others
        return True, others

    async def _fetch(self, step: PullImage) -> FromOthers:
        found = await self._threads.others.fetch(step.reference)
        if found.by:
            text = f"node {found.by} handed the image to this one, {found.octets / 1e6:.1f} MB"
            self._record_event(step.reference, text)
        return found

    async def _fetch_instead(self, step: PullImage, error: PullFailed, asked: FromOthers) -> FromOthers:
        """See Note [Which of them is asked first]. :raises PullFailed: no other node gives it either."""
        others = await self._fetch(step) if step.restarted else asked
        if others.by:
            return others
        if others.failed:
            raise PullFailed(f"{error}; {others.failed}") from error
        if others.is_nowhere:
            raise type(error)(f"{error}; no other node is known to have it") from error
        raise error
