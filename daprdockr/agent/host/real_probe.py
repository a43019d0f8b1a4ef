# -*- test-case-name: tests.unit.agent.host.test_probe -*-
"""One health check of a container: HTTP by treq, TCP by a connection, gRPC by a call, exec by the Engine."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

import treq
from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionAborted,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from twisted.web._newclient import BODY, HTTP11ClientProtocol, ParseError
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface import implementer

from daprdockr.agent.host.call_check import CallCheck
from daprdockr.agent.host.command_check import CommandCheck
from daprdockr.agent.host.probe import LATE, Probe, Target, Unmade, Unreached
from daprdockr.model.errors import EXHAUSTED, EngineUnavailable
from daprdockr.model.seams import Engine
from daprdockr.model.wanted.health import Health
from daprdockr.runtime.pool import Pool

_MAX_BODY = 64 * 1024
_MAX_HEAD = 64 * 1024
_OF_THIS_HOST = EXHAUSTED | {errno.EADDRNOTAVAIL}
"""The errors of a connection that was not tried, because this host has no file, memory or port left for it."""


class RealProbe:
    """:param pool: threads for commands in containers, which services share."""

    def __init__(self, *, reactor: Any, pool: Pool, engine: Engine) -> None:
        self._reactor = reactor
        self._call = CallCheck(reactor)
        self._exec = CommandCheck(reactor=reactor, pool=pool, engine=engine)

    async def __call__(self, target: Target) -> str | None:
        checks: dict[str, Probe] = {"http": self._http, "tcp": self._tcp, "grpc": self._grpc, "exec": self._exec}
        check = checks.get(target.check.type)
        try:
            return (await check(target) if check else None) or await self._by_route(target)
        except EngineUnavailable as error:
            return Unmade(str(error))
        except (ConnectError, OSError) as error:
            return Unmade(_words(error)) if _number(error) in _OF_THIS_HOST else _words(error)

    async def _by_route(self, target: Target) -> Unreached | None:
        """
        Return the reason if its router cannot reach it, which takes another way than a check does: there is none to a
        network without ports. Only reachability is checked this way, because Docker's proxy accepts connections that
        nobody listens to.
        """
        for host, port in target.routes:
            try:
                await self._connect(host, port, target.check.timeout)
            except ConnectingCancelledError:  # the check itself took so long that the rest is given up
                return _unreached(target, host, port, LATE)
            except (ConnectError, OSError) as error:
                if _number(error) in _OF_THIS_HOST:
                    raise
                return _unreached(target, host, port, _words(error))
        return None

    async def _tcp(self, target: Target) -> str | None:
        await self._connect(target.host, target.port, target.check.timeout)
        return None

    async def _grpc(self, target: Target) -> str | None:
        """Connect first: gRPC does not say why it could not."""
        return await self._tcp(target) or await self._call(target)

    async def _connect(self, host: str, port: int, timeout: float) -> None:
        kind = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
        factory = Factory.forProtocol(StreamProtocol)
        factory.noisy = False
        connection = await kind(self._reactor, host, port, timeout=timeout).connect(factory)
        connection.transport.loseConnection()  # type: ignore[union-attr]  # IProtocol does not declare it

    async def _http(self, target: Target) -> str | None:
        """Check by HTTP: any status from 200 to 399 is healthy; redirects are not followed."""
        host = f"[{target.host}]" if ":" in target.host else target.host
        try:
            response = await treq.get(
                f"http://{host}:{target.port}{target.check.path}",
                agent=_AsSent(Agent(self._reactor, connectTimeout=target.check.timeout, pool=_pool(self._reactor))),
                allow_redirects=False,
                headers=Headers({name: [value] for name, value in _sent(target.check)}),
                timeout=target.check.timeout,
                reactor=self._reactor,
                unbuffered=True,
            )
            body = _Unread()
            response.deliverBody(body)
            await body.ended
        except ResponseFailed as error:
            if any(reason.check(ConnectionAborted) for reason in error.reasons):  # by ``_Bounded``, and by nothing else
                raise ValueError(f"the answer has a head of more than {_MAX_HEAD} bytes") from None
            return _without_answer(error)
        except (DNSLookupError, ConnectingCancelledError):  # the time was over before it was connected
            return LATE
        return None if 200 <= response.code < 400 else f"status {response.code}"


def _unreached(target: Target, host: str, port: int, reason: str) -> Unreached:
    place = f"{f'[{host}]' if ':' in host else host}:{port}"
    return Unreached(f"{target.router} cannot reach it at {place} ({reason})")


def _sent(check: Health) -> Iterator[tuple[str, str]]:
    """Yield the headers of a check; without a ``Host`` among them treq writes that of the URL."""
    yield from check.headers
    if check.host:
        yield "Host", check.host


def _without_answer(error: ResponseFailed) -> str:
    """Return what went wrong, in words: the text of the error itself is not for people."""
    if any(reason.check(CancelledError) for reason in error.reasons):
        return LATE
    if any(reason.check(ParseError) for reason in error.reasons):
        return "the answer is not HTTP"
    is_silent = isinstance(error, ResponseNeverReceived)
    return "it closed the connection without an answer" if is_silent else "the answer ended in the middle"


def _pool(reactor: Any) -> HTTPConnectionPool:
    """Return a pool that keeps no connection."""
    pool = HTTPConnectionPool(reactor, persistent=False)
    pool._factory = _BoundedFactory
    return pool


class _Bounded(HTTP11ClientProtocol):
    """
    Bounds an answer's head: Twisted bounds its lines, but neither their number nor how many answers precede the real
    one.
    """

    transport: Any
    _head = 0

    def dataReceived(self, data: bytes) -> None:
        if self._parser is not None and self._parser.state != BODY:
            self._head += len(data)
        if self._head > _MAX_HEAD:
            self.transport.abortConnection()
        else:
            super().dataReceived(data)


def _number(error: Exception) -> int | None:
    """Return the error number of the operating system behind a connection that failed."""
    number = getattr(error, "osError", None) if isinstance(error, ConnectError) else getattr(error, "errno", None)
    return number if isinstance(number, int) else None


def _words(error: Exception) -> str:
    """Return the kernel's own words, which Twisted wraps in its own, or that it said nothing."""
    number = _number(error)
    if number is not None:
        return os.strerror(number)
    return LATE if isinstance(error, TimeoutError) else str(error)


class _BoundedFactory(HTTPConnectionPool._factory):  # type: ignore[misc, valid-type]  # it has no public name
    """Also logs no lines for each connection, which would be half of an agent's log."""

    noisy = False

    def buildProtocol(self, addr: object) -> _Bounded:
        return _Bounded(self._quiescentCallback)


@implementer(IAgent)
@frozen
class _AsSent:
    """Hides from treq that a body is compressed: it would unpack it, and a few bytes may become any number."""

    agent: Agent

    def request(self, *words: Any) -> Deferred[Any]:
        return self.agent.request(*words).addCallback(_uncoded)


def _uncoded(response: Any) -> Any:
    response.headers.removeHeader(b"content-encoding")
    return response


class _Unread(StreamProtocol):
    """
    A body that is discarded. One that goes on too long is a fault of the check's path; and when nobody waits for
    ``ended`` any more the connection is closed, which otherwise would stay as long as the container likes.
    """

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: self._hang_up())
        self._length = 0

    def dataReceived(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > _MAX_BODY and not self.ended.called:
            self.ended.errback(ValueError(f"the answer has more than {_MAX_BODY} bytes"))
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            # Without a length in the header the end of the connection is the end of the body (RFC 9112 section 6.3).
            self.ended.callback(None) if reason.check(ResponseDone, PotentialDataLoss) else self.ended.errback(reason)

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
