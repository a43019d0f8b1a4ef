"""
An image that this node receives, loads into its Engine, and hands on to other nodes. See docs/design/images.rst.

Note [One at a time]
    A node receives and loads one image after the other. It lets the next one begin before it has handed on what it has:
    two nodes that wait for each other to take an image would otherwise never end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredLock
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.frames import BUSY, FrameKind
from daprdockr.model.images import ImageStock, Receipt
from daprdockr.model.session import ImageAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import AT_FAULT, PeerChannel
from daprdockr.peer.incoming import Incoming
from daprdockr.planning.handing import branches
from daprdockr.runtime.pool import Run
from daprdockr.sessions.archive import ImageArchive, read_archive
from daprdockr.sessions.handing import OpenImage, Reports, hand
from daprdockr.sessions.spool import TakesImages, load, spool

TURN = 40.0
"""Seconds in which an image waits for the one before it; the sender waits a little longer."""

SIGN = 5.0
"""Seconds between two signs that the Engine still loads, or other nodes are still handed the image."""


class Images(TakesImages, Protocol):
    """As ``engine.images`` does; blocking."""

    def stock(self, image: str, reference: str, layers: tuple[str, ...]) -> ImageStock: ...


@frozen
class ImageThreads:
    """
    :ivar run: runs a blocking call in a thread.
    :ivar hand: the same for a call that waits for other nodes: they wait for ``run`` here, so no such call may.
    """

    run: Run
    hand: Run


@frozen
class ImagesHere:
    """
    :ivar directory: where an image lies until it is loaded and handed on.
    :ivar open_image: returns what opens sessions with nodes, with the token of this one; called in the reactor's
        thread.
    :ivar loaded: takes the name of an image that the Engine has now.
    :ivar trouble: returns why the Engine answers nothing now, "" if it does.
    """

    node: str
    engine: Images
    threads: ImageThreads
    directory: Path
    open_image: Callable[[str], OpenImage]
    loaded: Callable[[str], None] = lambda reference: None
    trouble: Callable[[], str] = lambda: ""
    turn: DeferredLock = field(factory=DeferredLock, init=False)


class ImageSession:
    """One image. See ``begun``."""

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: ImageAsked, token: str, here: ImagesHere, reactor: Any) -> None:
        self._channel = channel
        self._asked = asked
        self._token = token
        self._here = here
        self._reactor = reactor
        self._incoming: Incoming | None = None
        self._waits: Deferred[Any] | None = None
        self._is_gone = False
        self._signs = LoopingCall(self._sign)
        self._signs.clock = reactor

    def begun(self) -> ImageSession:
        """Take the image when it is its turn; return itself."""
        Deferred.fromCoroutine(self._take()).addErrback(self._failed)
        return self

    async def _take(self) -> None:
        try:
            await self._turn()
        except CancelledError:
            self._channel.refuse(f"node {self._here.node} takes another image: try again later", BUSY)
            return
        try:
            await self._pass_on()
        except DaprdockrError as error:
            self._channel.refuse(str(error))
        else:
            self._channel.finish(FrameKind.STATUS, b"0")
        finally:
            if self._signs.running:
                self._signs.stop()

    async def _pass_on(self) -> None:
        """Have the image, and hand it on; the next one may come before the latter: Note [One at a time]."""
        file: BinaryIO | None = None
        try:
            try:
                file = await self._here.threads.run(spool, self._here.directory, self._asked.size, self._here.node)
                handed_on = await self._received(file)
            finally:
                self._here.turn.release()
            await handed_on
        finally:
            if file is not None:
                self._here.threads.run(file.close).addErrback(lambda _: None)  # a disk that hangs holds up no reactor

    async def _turn(self) -> None:
        """:raises CancelledError: it did not come in time, or nobody waits for it any more."""
        self._waits = self._here.turn.acquire().addTimeout(TURN, self._reactor, _cancelled)
        await self._waits
        self._waits = None

    async def _received(self, file: BinaryIO) -> Deferred[Any]:
        """
        Receive the image, and load it; return what fires when it is handed on.

        :raises DaprdockrError: it did not arrive, or is another one.
        """
        if self._is_gone:
            raise SessionRefused("the other side is gone")
        self._incoming = Incoming(file, self._asked.size, self._channel, self._here.threads.run, self._reactor)
        self._channel.send(FrameKind.ACCEPTED)
        await self._incoming.whole
        self._signs.start(SIGN)
        archive = await self._here.threads.run(read_archive, file, self._asked.reference, self._asked.image)
        handed_on = [self._hand_on(archive, nodes) for nodes in branches(self._asked.then)]
        await self._load(archive)
        return DeferredList(handed_on, consumeErrors=True)

    def _sign(self) -> None:
        """Show the other side that it goes on; report it at once if the Engine hangs, and then show nothing more."""
        if trouble := self._here.trouble():
            self._signs.stop()
            self._tell(Receipt(self._here.node, failed=f"node {self._here.node} cannot load the image: {trouble}"))
        else:
            self._channel.send(FrameKind.OUTPUT)

    async def _load(self, archive: ImageArchive) -> None:
        try:
            await self._here.threads.run(load, self._here.engine, archive, self._asked.held)
        except DaprdockrError as error:
            self._tell(Receipt(self._here.node, self._asked.size, str(error)))
        else:
            self.log.info("an image was received: {image}", image=self._asked.reference or self._asked.image)
            if self._asked.reference:
                self._here.loaded(self._asked.reference)
            self._tell(Receipt(self._here.node, self._asked.size))

    def _hand_on(self, archive: ImageArchive, nodes: Mapping[str, int]) -> Deferred[None]:
        def told(handed: Receipt) -> None:
            self._reactor.callFromThread(self._tell, handed)

        open_image = self._here.open_image(self._token)
        return self._here.threads.hand(hand, archive, nodes, open_image, Reports(told)).addErrback(self._not_handed_on)

    def _tell(self, handed: Receipt) -> None:
        self._channel.send(FrameKind.OUTPUT, handed.encode())

    def _not_handed_on(self, failure: Failure) -> None:
        self.log.failure("an image was not handed on", failure)

    def _failed(self, failure: Failure) -> None:
        self.log.failure("an image was not taken", failure)
        self._channel.refuse(AT_FAULT)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""
        if self._incoming is None:
            raise BadInput("an image is sent when it is asked for")
        self._incoming.frame(kind, content)

    def pause(self) -> None:
        """An image causes little output."""

    def resume(self) -> None: ...

    def gone(self) -> None:
        """An image that has arrived as a whole is loaded and handed on nevertheless."""
        self._is_gone = True
        if self._waits is not None:
            self._waits.cancel()
        if self._incoming is not None:
            self._incoming.fail("the other side is gone")


def _cancelled(*_: object) -> None:
    raise CancelledError
