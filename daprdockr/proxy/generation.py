"""
Which configuration nginx serves, asked of nginx itself over the unix socket of its configuration.

Nothing else tells that a reload took effect: ``nginx -t`` passes where a reload fails, and a signal has no answer.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

MAX_ANSWER = 4096
"""Bytes of an answer that are read."""


class Asking(Protocol):
    """One request in HTTP/1.0, whose answer ends with the connection; ``answer`` fires with its body."""

    def __init__(self) -> None:
        self.answer: Deferred[str] = Deferred(lambda _: self._hang_up())
        self._received = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.0\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MAX_ANSWER:
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.answer.called:  # cancelled: nobody waits any more
            return
        head, _, body = self._received.partition(b"\r\n\r\n")
        served = head.startswith(b"HTTP/1.") and head[8:12] == b" 200"
        self.answer.callback(body.decode("ascii", "replace") if served else "")

    def _hang_up(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


@frozen(kw_only=True)
class GenerationSocket:
    """
    :ivar path: the unix socket of the configuration.
    :ivar timeout: seconds after which no answer is taken for none.
    """

    path: str
    reactor: Any
    timeout: float = 2.0

    async def ask(self) -> str:
        """The generation nginx serves; empty when none answers."""
        factory = Factory.forProtocol(Asking)
        factory.noisy = False  # it is asked many times, which nobody wants to read of
        endpoint = UNIXClientEndpoint(self.reactor, self.path, timeout=self.timeout)
        try:
            asking = await endpoint.connect(factory)
            assert isinstance(asking, Asking)
            return await asking.answer.addTimeout(self.timeout, self.reactor)
        except (ConnectError, DeferredTimeout, OSError):
            return ""
