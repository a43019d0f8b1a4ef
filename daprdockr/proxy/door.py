"""
The unix socket of nginx on which the agent sends routes and reads what is in force.

There is no other sign that a reload took effect: ``nginx -t`` passes where a reload fails, and a signal has no answer.

Note [Time for a long message]
    A worker takes over a message that nobody waits for any more to its end, and the next one waits behind it. So one
    that is given up too early and sent again never gets through. All routes that nginx is given at most are 30 MB,
    which it reads and takes over within a second or two where nothing else runs.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from daprdockr.model.errors import ProxyError

MAX_ANSWER = 128 * 1024
"""The most bytes of an answer that are read: ``lua/door/control.lua`` bounds the longest one."""

SLOWEST = 1_000_000
"""Bytes of a message that are taken over in a second at least: Note [Time for a long message]."""

OK, CONFLICT = 200, 409


class Asking(Protocol):
    """
    One request in HTTP/1.0, whose answer ends with the connection.

    :ivar answer: fires with status and body; status 0 means that there was no usable answer.
    """

    transport: Any

    def __init__(self, request: bytes) -> None:
        self.answer: Deferred[tuple[int, str]] = Deferred(lambda _: self._hang_up())
        self._request = request
        self._received = b""

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MAX_ANSWER:
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.answer.called:  # cancelled: nobody waits any more
            return
        head, _, body = self._received.partition(b"\r\n\r\n")
        status = head[9:12]
        known = head.startswith(b"HTTP/1.") and len(status) == 3 and status.isdigit()
        self.answer.callback((int(status), body.decode("utf-8", "replace")) if known else (0, ""))

    def _hang_up(self) -> None:
        """Close it at once: a process that is frozen takes no more of a long message, which would wait without end."""
        self.transport.abortConnection()


@frozen(kw_only=True)
class DoorSocket:
    """
    :ivar path: the unix socket of the configuration.
    :ivar timeout: the timeout of an answer to a short message, in seconds.
    :ivar whose: the program that answers.
    :ivar what: what it is sent there, and the path of that.
    """

    path: str
    reactor: Any
    timeout: float = 2.0
    whose: str = "nginx"
    what: str = "routes"

    async def generation(self) -> str:
        """Return the generation that nginx serves; empty when nginx does not answer."""
        status, body = await self._ask(b"GET /generation HTTP/1.0\r\n\r\n")
        return body if status == OK else ""

    async def version(self) -> int:
        """
        Return the version of the routes that nginx holds; 0 when it holds none. :raises ProxyError: it does not answer.
        """
        status, body = await self._ask(f"GET /{self.what} HTTP/1.0\r\n\r\n".encode())
        if status == OK and body.isdigit():
            return int(body)
        raise self._not_taken(body)

    async def send(self, message: bytes) -> bool:
        """
        Have nginx take over a message; return whether it did, which it does not if it holds another version than the
        one before that message.

        :raises ProxyError: it does not answer, or has no room.
        """
        head = f"POST /{self.what} HTTP/1.0\r\nContent-Length: {len(message)}\r\n\r\n"
        status, body = await self._ask(head.encode() + message)
        if status not in (OK, CONFLICT):
            raise self._not_taken(body)
        return status == OK

    async def busy(self) -> frozenset[str]:
        """Return the endpoints that work on requests. :raises ProxyError: nginx does not answer."""
        status, body = await self._ask(b"GET /busy HTTP/1.0\r\n\r\n")
        if status != OK:
            raise ProxyError("nginx did not say which endpoints work on requests")
        return frozenset(body.split())

    async def counts(self) -> dict[str, int]:
        """Return what nginx counted, by name; nothing when it does not answer, or is that of an older agent."""
        status, body = await self._ask(b"GET /counts HTTP/1.0\r\n\r\n")
        pairs = (line.split() for line in body.splitlines()) if status == OK else ()
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}

    def _not_taken(self, body: str) -> ProxyError:
        return ProxyError(f"{self.whose} did not take the {self.what}: {body.strip() or 'no answer'}")

    async def _ask(self, request: bytes) -> tuple[int, str]:
        factory = Factory.forProtocol(partial(Asking, request))
        factory.noisy = False  # it is called often, and nobody wants a log line for each call
        endpoint = UNIXClientEndpoint(self.reactor, self.path, timeout=self.timeout)
        try:
            asking = await endpoint.connect(factory)
            assert isinstance(asking, Asking)
            return await asking.answer.addTimeout(self.timeout + len(request) / SLOWEST, self.reactor)
        except (ConnectError, DeferredTimeout, OSError):
            return 0, ""
