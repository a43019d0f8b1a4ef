"""
An image from another node of the cluster, for this one, which lacks it. See docs/design/images.rst.

Note [An offer binds nobody]
    The nodes that have the image by their records are asked side by side, and only one of them hands it. The others are
    let go at once, because an open offer takes a place; where the first one fails, the next is asked again, and counts
    if it still has the same image.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

from attrs import field, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.logger import Logger

from daprdockr.model.errors import BadInput, DaprdockrError, DiskError
from daprdockr.model.images import image_reference
from daprdockr.model.known.view import ClusterView
from daprdockr.planning.handing import ASKED, fitting, holders
from daprdockr.runtime.pool import Run
from daprdockr.sessions.fetching import Fetching, Offered

FETCHES = 4
"""Images that this node takes from others at once."""

FETCH_THREADS = FETCHES * ASKED


@frozen
class FromOthers:
    """
    The node ``by`` which an image was handed ("": by none), the octets that came, why none did that has it, and the
    digest under which a registry gave it to that node ("": none did, as far as known). ``is_nowhere``: there are other
    nodes, and none of them has it by its record.
    """

    by: str = ""
    octets: int = 0
    failed: str = ""
    digest: str = ""
    is_nowhere: bool = False


class Others(Protocol):
    """The other nodes, as one that lacks an image asks them."""

    def fetch(self, reference: str) -> Awaitable[FromOthers]: ...


class NoOthers:
    """A node that asks no others."""

    async def fetch(self, reference: str) -> FromOthers:
        return FromOthers()


@frozen
class OtherNodes:
    """:ivar run: runs a blocking call in a thread; there are ``FETCH_THREADS``, so none waits for one."""

    log = Logger()
    cluster: ClusterView
    fetching: Fetching
    run: Run
    turns: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(FETCHES))

    async def fetch(self, reference: str) -> FromOthers:
        """Have an image of another node, and say what became of that; never raises, because there is the registry."""
        try:
            wanted = image_reference(reference)
        except BadInput:
            return FromOthers()  # a digest is a registry's: no archive has it
        if not self._holders(wanted):
            return FromOthers(is_nowhere=bool(self.cluster.nodes.keys() - {self.fetching.node}))
        try:
            return await self.turns.run(lambda: Deferred.fromCoroutine(self._fetch(wanted)))
        except Exception:
            self.log.failure("an image was not had from other nodes")
            return FromOthers()

    def _holders(self, wanted: str) -> list[str]:
        return holders(wanted, self.fetching.node, {name: one.record for name, one in self.cluster.nodes.items()})

    async def _fetch(self, wanted: str) -> FromOthers:
        """See Note [An offer binds nobody]."""
        failed: list[str] = []
        asked = await self._ask_all(wanted, failed)
        good = await self._good(asked, failed)
        first = asked[good[0]] if good else None
        for one in asked.values():
            if one is not first:
                one.session.close()
        for name in good:
            again = first if name == good[0] else await self._ask(name, wanted, failed)
            if again is None:
                continue
            if again.offer.image != asked[name].offer.image:
                again.session.close()
                continue
            try:
                octets = await self.run(self.fetching.take, again, wanted)
                return FromOthers(name, octets, digest=again.offer.digest)
            except DaprdockrError as error:
                failed.append(str(error))
                if isinstance(error, DiskError):  # of this node: the next one's image is no smaller
                    break
        return FromOthers(failed="; ".join(sorted(set(failed))))  # in one order, or each try would be an event

    async def _ask_all(self, wanted: str, failed: list[str]) -> dict[str, Offered]:
        names = self._holders(wanted)
        found = await gatherResults(
            [Deferred.fromCoroutine(self._ask(name, wanted, failed)) for name in names], consumeErrors=True
        )
        return {name: one for name, one in zip(names, found, strict=True) if one is not None}

    async def _ask(self, name: str, wanted: str, failed: list[str]) -> Offered | None:
        node = self.cluster.nodes.get(name)
        if node is None:
            return None
        try:
            return await self.run(self.fetching.offered, name, node.record, wanted)
        except DaprdockrError as error:
            failed.append(str(error))
            return None

    async def _good(self, asked: Mapping[str, Offered], failed: list[str]) -> list[str]:
        """Return the nodes whose offer fits this host, in their order."""
        if not asked:
            return []
        try:
            platform = await self.run(self.fetching.engine.platform)
        except DaprdockrError as error:
            failed.append(str(error))
            return []
        return fitting({name: one.offer for name, one in asked.items()}, platform)
