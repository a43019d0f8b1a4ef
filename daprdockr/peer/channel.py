"""
One connection to the peer listener: the request that opens it, and then frames both ways.

Note [A reader that stalls]
    What a session sends waits in the buffer of its transport while the other side does not read. When that holds more
    than 64 KiB, the transport pauses the session, which pauses the connection to the Engine or to the container, and
    the kernel holds up the program that writes there. Nothing is read ahead of what was sent, and no thread waits.

Note [Read until the other side has closed]
    TLS ends when both sides have said so, and a transport that is paused reads nothing: it would not see that the other
    side closed, and the place of a session that is over would stay taken for ``LINGER``. So a session that ends reads
    again, whatever it had paused, and drops what comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.frames import MAX_CONTENT, MAX_FRAME, FrameKind, read
from daprdockr.model.session import SessionRequest
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.own import fingerprint_of
from daprdockr.runtime.timer import call_off

OPENING = 15.0
"""
Seconds in which the other side has to show that it may have a session. That may then take longer to begin: the Docker
Engine has a time of its own for each answer, and the reason is to be said.
"""

LINGER = 300.0
"""Seconds in which the other side has to read the end of a session."""

AT_FAULT = "this is a fault of the agent, its log has more"
"""The refusal after an error that nobody expected."""

# ruff: noqa: N802  names of Twisted's


class OpenSession(Protocol):
    """The purpose for which a channel is open."""

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""

    def pause(self) -> None:
        """Read no more of what would be sent: Note [A reader that stalls]."""

    def resume(self) -> None: ...

    def gone(self) -> None:
        """Take note that the other side is gone."""


@implementer(IPushProducer)
class PeerChannel(Int32StringReceiver):
    """
    :param open_session: begins what is asked for; its result is the session, or it raises what is to be said.
    :param on_end: called when the connection is gone.
    """

    log = Logger()
    transport: Any
    MAX_LENGTH = MAX_FRAME

    def __init__(
        self,
        reactor: IReactorTime,
        open_session: Callable[[PeerChannel, SessionRequest], Deferred[OpenSession]],
        on_end: Callable[[PeerChannel], None],
    ) -> None:
        self._reactor = reactor
        self._open_session = open_session
        self._on_end = on_end
        self._session: OpenSession | None = None
        self._opening: Deferred[OpenSession] | None = None
        self._deadline: IDelayedCall | None = None
        self._lingering: IDelayedCall | None = None
        self._over = False
        self._is_stalled = False

    @property
    def client(self) -> str:
        """The address of the other side."""
        return str(self.transport.getPeer().host)

    @property
    def shown(self) -> str:
        """The fingerprint of the certificate that the other side showed, "" if it showed none."""
        return fingerprint_of(self.transport)

    def admit(self) -> None:
        """Take note that the other side may have a session."""
        call_off(self._deadline)

    def connectionMade(self) -> None:
        self._deadline = self._reactor.callLater(OPENING, self.abort)
        self.transport.registerProducer(self, True)

    def abort(self) -> None:
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self._over:
            super().dataReceived(data)

    def stringReceived(self, string: bytes) -> None:
        if self._over:
            return
        try:
            kind, content = read(string)
            if self._session is not None:
                self._session.frame(kind, content)
            elif self._opening is None and kind is FrameKind.ASK:
                self._open(SessionRequest.decode(content))
            else:
                raise BadInput("a session begins with what it asks for")
        except BadInput as error:
            self.refuse(str(error))

    def _open(self, request: SessionRequest) -> None:
        self.pauseInput()
        self._opening = self._open_session(self, request)
        self._opening.addCallbacks(self._opened, self._not_opened)

    def _opened(self, session: OpenSession) -> None:
        self.admit()
        self._session = session
        if self._over:
            session.gone()
            return
        if self._is_stalled:
            session.pause()
        self._reactor.callLater(0, self.resumeInput)  # the frame that opened it is still being read

    def _not_opened(self, failure: Failure) -> None:
        if failure.check(DaprdockrError):
            error = failure.value
            self.refuse(str(error), error.status if isinstance(error, SessionRefused) else b"")
            return
        self.log.failure("a session did not begin", failure)
        self.refuse(AT_FAULT)

    def lengthLimitExceeded(self, length: int) -> None:
        self.abort()

    def send(self, kind: FrameKind, content: bytes = b"") -> None:
        """Send content of any length."""
        if self._over:
            return
        for at in range(0, max(len(content), 1), MAX_CONTENT):
            self.sendString(kind.value + content[at : at + MAX_CONTENT])

    def refuse(self, reason: str, status: bytes = b"") -> None:
        """Send why the session does not begin, or cannot go on, and behind that the status, if any; close."""
        text = reason.encode()[:MAX_CONTENT]
        if status:
            self.send(FrameKind.REFUSED, text)
            self.finish(FrameKind.STATUS, status)
        else:
            self.finish(FrameKind.REFUSED, text)

    def finish(self, kind: FrameKind, content: bytes = b"") -> None:
        """Send the last frame, and close when it was read: Note [Read until the other side has closed]."""
        self.send(kind, content)
        if not self._over:
            self._over = True
            self.transport.unregisterProducer()
            self.transport.resumeProducing()
            self.transport.loseConnection()
            self._lingering = self._reactor.callLater(LINGER, self.abort)

    def pauseInput(self) -> None:
        """Take no frames for now."""
        if not self._over:
            super().pauseProducing()

    def resumeInput(self) -> None:
        if not self._over:
            super().resumeProducing()

    # Called by the transport, for what is sent: Note [A reader that stalls].

    def pauseProducing(self) -> None:
        self._is_stalled = True
        if self._session is not None:
            self._session.pause()

    def resumeProducing(self) -> None:
        self._is_stalled = False
        if self._session is not None:
            self._session.resume()

    def stopProducing(self) -> None:
        """The connection is lost, which ``connectionLost`` deals with."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        call_off(self._deadline)
        call_off(self._lingering)
        self._on_end(self)
        if self._session is not None:
            self._session.gone()


@implementer(IPushProducer)
class InputFrames:
    """The input of a session as the producer of a stream: paused while the stream does not take it."""

    def __init__(self, channel: PeerChannel) -> None:
        self._channel = channel

    def pauseProducing(self) -> None:
        self._channel.pauseInput()

    def resumeProducing(self) -> None:
        self._channel.resumeInput()

    def stopProducing(self) -> None:
        """The stream is lost, which its reader deals with."""
