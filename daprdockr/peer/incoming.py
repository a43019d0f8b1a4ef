# -*- test-case-name: tests.unit.peer.test_images -*-
"""
The octets of an image as they arrive from another node or a command line.

Note [Never the whole image in memory]
    What arrives waits in a buffer of at most ``PIECE`` and a frame, and a thread writes it to a file that has no name,
    so nothing of it is left when the agent dies. Meanwhile no more is taken, and TCP holds up the sender.
"""

from __future__ import annotations

from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import call_off
from daprdockr.sessions.handing import STALL

PIECE = 512 * 1024
"""So many octets are gathered before a thread writes them; the last ones are written however few they are."""


class Incoming:
    """
    See Note [Never the whole image in memory].

    :ivar whole: fires when all of it is written.
    """

    def __init__(self, file: BinaryIO, size: int, channel: PeerChannel, run: Run, reactor: IReactorTime) -> None:
        self._file = file
        self._left = size
        self._channel = channel
        self._run = run
        self._waiting = bytearray()
        self._is_writing = False
        self._has_ended = False
        self._silent: IDelayedCall = reactor.callLater(STALL, self.fail, f"nothing came for {STALL:g} s")
        self.whole: Deferred[None] = Deferred()

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here, or there are more octets than were announced."""
        if self._has_ended or kind not in (FrameKind.INPUT, FrameKind.INPUT_ENDS):
            raise BadInput(f"an image has no frame of the kind {kind.name}")
        self._left -= len(content)
        self._has_ended = kind is FrameKind.INPUT_ENDS
        if self._left < 0 or (self._has_ended and self._left):
            raise BadInput("the image has another size than was announced")
        self._waiting += content
        self._silent.reset(STALL)
        if self._has_ended or len(self._waiting) >= PIECE:
            self._write()

    def _write(self) -> None:
        if not self._is_writing and not self.whole.called:
            self._is_writing = True
            self._channel.pauseInput()
            data = bytes(self._waiting)
            self._waiting.clear()
            self._run(self._file.write, data).addCallbacks(self._written, self._not_written)

    def _written(self, _: object) -> None:
        self._is_writing = False
        if self.whole.called:
            return
        self._silent.reset(STALL)
        if self._waiting:
            self._write()
            return
        is_whole = self._has_ended
        self._channel.resumeInput()  # which may call ``frame``, and so ``_write``, at once
        if is_whole:
            self._silent.cancel()
            self.whole.callback(None)

    def _not_written(self, failure: Failure) -> None:
        self._is_writing = False
        self.fail(f"it cannot be written to the disk: {failure.getErrorMessage()}")

    def fail(self, why: str) -> None:
        """End it; a no-op when all of it has arrived."""
        if not self.whole.called:
            call_off(self._silent)
            self.whole.errback(SessionRefused(f"the image did not arrive: {why}"))
