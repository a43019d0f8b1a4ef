# -*- test-case-name: tests.unit.peer.test_images -*-
"""
The answer to those who would push an image: how much of it this node's Engine has.

Note [A sign that it still asks]
    An Engine gives each answer in a bounded time, but a slow one with many images is asked a lot. So who waits gets a
    sign now and then, and counts a node that gives none as lost.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.frames import FrameKind
from daprdockr.model.session import StockAsked
from daprdockr.peer.channel import AT_FAULT, PeerChannel
from daprdockr.peer.images import SIGN, ImagesHere


class StockSession:
    """One question. See ``begun``."""

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: StockAsked, here: ImagesHere, reactor: IReactorTime) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._signs = LoopingCall(channel.send, FrameKind.OUTPUT)
        self._signs.clock = reactor

    def begun(self) -> StockSession:
        """Answer in good time; return itself. See Note [A sign that it still asks]."""
        self._channel.send(FrameKind.ACCEPTED)
        self._signs.start(SIGN, now=False)
        Deferred.fromCoroutine(self._answer()).addErrback(self._failed)
        return self

    async def _answer(self) -> None:
        asked = self._asked
        if trouble := self._here.trouble():
            self._channel.refuse(f"node {self._here.node} takes no image: {trouble}")
            return
        try:
            stock = await self._here.threads.run(self._here.engine.stock, asked.image, asked.reference, asked.layers)
        except DaprdockrError as error:
            self._channel.refuse(str(error))
            return
        finally:
            self._signs.stop()
        self._channel.send(FrameKind.OUTPUT, stock.encode())
        self._channel.finish(FrameKind.STATUS, b"0")

    def _failed(self, failure: Failure) -> None:
        self.log.failure("images were not looked at", failure)
        self._channel.refuse(AT_FAULT)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """:raises BadInput: who asks sends nothing more."""
        raise BadInput("who asks what a node has sends nothing")

    def pause(self) -> None:
        """Nothing is read that could be left for later."""

    def resume(self) -> None: ...

    def gone(self) -> None:
        """The answer is not sent, then."""
