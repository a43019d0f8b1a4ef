"""One health check of a container: HTTP by treq, TCP by a connection, exec by the Engine."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import treq
from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionAborted, DNSLookupError
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger
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

from daprdockr.agent.host.stuck import StuckCommands
from daprdockr.model.errors import EngineRefused, EngineSilent, EngineUnavailable
from daprdockr.model.host import Executed
from daprdockr.model.last_words import last_lines
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Engine
from daprdockr.model.wanted.health import Health
from daprdockr.runtime.pool import Pool

_LATE = "there is no answer in time"
_MAX_BODY = 64 * 1024
_MAX_HEAD = 64 * 1024
_OF_THIS_HOST = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""The errors of a connection that was not tried, because this host has no file, memory or port left for it."""


@frozen
class Target:
    """
    A container under a health check; ``host`` and ``port`` are where the check connects, if it does. ``routes`` are
    the endpoints that its routes name, each an address of this host and a port; ``router`` is who connects to them.
    Each run is checked anew, so it has the time at which the container ``started``; ``proven`` says that this run was
    reported as healthy.
    """

    container: str
    check: Health
    host: str = ""
    port: int = 0
    service: ServiceName | None = None
    routes: tuple[tuple[str, int], ...] = ()
    router: str = "nginx"
    started: float = 0.0
    proven: bool = field(default=False, eq=False)


class Unreached(str):
    """The reason of a container that is healthy in itself, but that nginx, or the relay, cannot reach."""


class Unmade(str):
    """The reason why there is no result: something of this host, which says nothing about the container."""


class Probe(Protocol):
    """
    Check once; return None if the container is healthy, otherwise what is wrong, as text. Raises nothing on purpose.
    """

    async def __call__(self, target: Target) -> str | None: ...


_NOT_BEGUN = "the command did not begin in time"


class RealProbe:
    """
    :param pool: threads for commands in containers, which services share.

    The check by a command ends by itself; its time counts from its start, however long it waited for a thread.
    """

    log = Logger()

    def __init__(self, *, reactor: Any, pool: Pool, engine: Engine) -> None:
        self._reactor = reactor
        self._pool = pool
        self._engine = engine
        self._late: set[ServiceName | None] = set()
        self._stuck = StuckCommands()

    async def __call__(self, target: Target) -> str | None:
        check = {"http": self._http, "tcp": self._tcp, "exec": self._exec}.get(target.check.type)
        try:
            return (await check(target) if check else None) or await self._by_route(target)
        except EngineUnavailable as error:
            return Unmade(str(error))
        except (ConnectError, OSError) as error:
            if _number(error) in _OF_THIS_HOST:
                return Unmade(str(error))
            raise

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
                return _unreached(target, host, port, _LATE)
            except (ConnectError, OSError) as error:
                if _number(error) in _OF_THIS_HOST:
                    raise
                return _unreached(target, host, port, str(error))
        return None

    async def _tcp(self, target: Target) -> str | None:
        await self._connect(target.host, target.port, target.check.timeout)
        return None

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
            return _LATE
        return None if 200 <= response.code < 400 else f"status {response.code}"

    async def _exec(self, target: Target) -> str | None:
        check, asked = target.check, self._reactor.seconds()
        begun = asked

        def execute() -> Executed | None:
            nonlocal begun
            begun = self._reactor.seconds()
            try:
                return self._engine.execute(target.container, check.command, check.timeout)
            except EngineSilent:
                with suppress(EngineRefused):  # which is an answer
                    self._engine.ask_containerd()  # and if that is silent too, it is not this container
                return None

        try:
            done = await self._pool.of(target.service)(execute)
        except RuntimeError as error:  # the kernel has no thread left for it
            return Unmade(str(error))
        self._note_wait(target, begun - asked)
        if done is None:
            is_stuck = self._stuck.did_not_begin(target.container, begun, self._reactor.seconds())
            return _NOT_BEGUN if is_stuck else Unmade(_NOT_BEGUN)
        self._stuck.began(target.container)
        return ": ".join([f"exit status {done.status}", *last_lines(done.output)[-1:]]) if done.status else None

    def _note_wait(self, target: Target, waited: float) -> None:
        """Log once that the checks of a service come late, and forget it when they are in time again."""
        if waited <= target.check.interval / 2:
            self._late.discard(target.service)
        elif waited > target.check.interval and target.service not in self._late:
            self._late.add(target.service)
            self.log.warn(
                "health checks of {service} wait {waited:.0f} s for a thread: give them a longer Interval",
                service=target.service,
                waited=waited,
            )


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
        return _LATE
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
