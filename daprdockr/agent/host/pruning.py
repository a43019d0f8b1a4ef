"""
Old images of services: removed from this host when nothing has needed them for some hours.

Note [An image that is needed again]
    An image is removed only after it was found unneeded at each search for the whole time, which a new agent counts
    anew. Yet a definition may name it at the moment of its removal. Then it is pulled again, like any image that a host
    lacks; one that no registry has is pushed again. So the time is chosen longer than the one between a push and the
    definition that uses it. The Engine removes no image of which there is a container.

    A node that is not certain of etcd removes nothing, because a definition that it does not see may need the image;
    nor if there is a definition that it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import BadInput, EngineError, EtcdError
from daprdockr.model.images import HeldImage
from daprdockr.model.seams import Store
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.pruning import repositories, unneeded
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

INTERVAL = 600.0
"""Seconds between two searches."""

MOST = 20
"""Images that are removed after one search: an Engine may take seconds for each."""


class PrunedImages(Protocol):
    """The images of this node's Engine; ``daprdockr.engine.images`` has them."""

    def held(self) -> tuple[HeldImage, ...]: ...

    def remove(self, image: HeldImage) -> bool: ...


def named_images(store: Store, keys: Keys) -> frozenset[str]:
    """
    Return the references of the images in all definitions, and in those of all revisions that are kept. Blocking.

    :raises BadInput: one of them cannot be read.
    :raises EtcdError: as the store does.
    """
    stored = (Definition.parse(entry.value) for entry in store.list(keys.services).entries)
    kept = (RevisionRecord.decode(entry.value).definition for entry in store.list(keys.histories).entries)
    return frozenset(one.image for some in (stored, kept) for one in some)


class Pruning(Periodic):
    """
    :param run: runs a call to ``images`` in a thread.
    :param named: runs ``named_images`` in a thread.
    :param is_certain: whether etcd and the Engine are as this node sees them.
    :param age: after so many seconds without use an image is removed.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        images: PrunedImages,
        named: Callable[[], Deferred[frozenset[str]]],
        is_certain: Callable[[], bool],
        age: float,
    ) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing="old images could not be removed")
        self._reactor = reactor
        self._run = run
        self._images = images
        self._named = named
        self._is_certain = is_certain
        self._age = age
        self._once: frozenset[str] = frozenset()
        self._since: dict[str, float] = {}
        self._logged = LoggedOnce(lambda reason: self.log.warn("images are not pruned: {reason}", reason=reason))

    async def poll(self) -> None:
        try:
            if self._is_certain():
                await self._prune()
        except (EngineError, EtcdError):
            return  # others log that these do not answer
        except BadInput as problem:
            self._logged.found(f"a definition or a revision cannot be read, {problem}")
        else:
            self._logged.found("")

    async def _prune(self) -> None:
        named = await self._named()
        self._once |= repositories(named)
        found = list(unneeded(await self._run(self._images.held), named, self._once))
        now = self._reactor.seconds()
        self._since = {image.id: self._since.get(image.id, now) for image in found}
        due = [image for image in found if now - self._since[image.id] >= self._age]
        for image in due[:MOST]:
            if not self._is_certain():
                return
            self._since[image.id] = now  # one that stays waits anew, or those that stay would keep out all others
            if await self._run(self._images.remove, image):
                names = ", ".join(image.references or image.digests)
                self.log.info("removed image {names}, which nothing needed any more", names=names)
