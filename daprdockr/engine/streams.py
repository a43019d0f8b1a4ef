"""
Requests to the Docker Engine without a thread: for streams, which last as long as somebody reads them.

Note [A stream has no thread]
    docker-py blocks a thread as long as a stream lasts, and goes on reading into memory when nobody takes what it read.
    A hundred people who follow logs would hold a hundred threads that the loops need. So streams are connections of the
    reactor: one that is paused is not read, the kernel's buffers fill, and the Engine waits. Each request has a
    connection of its own. Requests without an upgrade are HTTP/1.0, whose answer is not divided into chunks and ends
    with the connection.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from daprdockr.engine.byte_stream import ByteStream, QuietFactory, StreamReader
from daprdockr.model.errors import ContainerAbsent, EngineError, EngineRefused, EngineSilent, EngineUnavailable
from daprdockr.model.names import one_line
from daprdockr.runtime.probing import OF_ENGINE

CONNECT_TIMEOUT = 5
ANSWER_TIMEOUT = 20.0
"""Seconds until the Engine has begun to answer; a stream then lasts as long as it will."""

# ruff: noqa: N802  names of Twisted's

_LONGEST_HEAD = 16 * 1024
_LONGEST_BODY = 4 * 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)


class EngineAnswer(ByteStream):
    """
    The answer to one request; ``began`` fires when its head is there, and fails if the Engine refuses.

    :param doing: the request, as a phrase that continues "the Docker Engine refused to".
    """

    def __init__(self, request: bytes, doing: str) -> None:
        self._request = request
        self._doing = doing
        self._head: bytearray | None = bytearray()
        self._status = 0
        self._length: int | None = None
        self._body = bytearray()
        self.began: Deferred[EngineAnswer] = Deferred(lambda _: self.close())
        self.whole: Deferred[bytes] = Deferred(lambda _: self.close())

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def begin(self, reader: StreamReader) -> None:
        kept, self._body = bytes(self._body), bytearray()
        self._reader = reader
        if kept:
            reader.received(kept)
        self.resume()

    @property
    def is_cut_short(self) -> bool:
        """Whether less has come than was announced, of an answer that is read as a whole."""
        return self._length is not None and len(self._body) < self._length

    def read_whole(self) -> Deferred[bytes]:
        """Return the body, when it has ended."""
        self.resume()
        return self.whole

    def dataReceived(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.received(data)
        elif self._head is None:
            self._body += data
            if len(self._body) > _LONGEST_BODY:
                self.close()
            self._end_refusal()
        else:
            self._head += data
            self._read_head(self._head)

    def _read_head(self, head: bytearray) -> None:
        end = head.find(b"\r\n\r\n")
        if end < 0:
            if len(head) > _LONGEST_HEAD:
                self.close()
            return
        found = _STATUS.match(head)
        self._status = int(found[1]) if found else 500
        length = _LENGTH.search(head, 0, end + 2)
        self._length = int(length[1]) if length else None
        self._body, self._head = head[end + 4 :], None
        if self._status < 300:
            self.pause()
            self._fire(self)
        self._end_refusal()

    def _end_refusal(self) -> None:
        """Report a refusal that is there as a whole: an Engine does not end a connection that was to be upgraded."""
        if self._status >= 300 and self._length is not None and len(self._body) >= self._length:
            self._fire(_refusal(self._status, bytes(self._body[: self._length]), self._doing))
            self.transport.loseConnection()

    def readConnectionLost(self) -> None:
        super().readConnectionLost()
        if self._reader is None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._head is not None:
            self._fire(EngineUnavailable(f"the Docker Engine ended the connection when asked to {self._doing}"))
        elif self._status >= 300:
            self._fire(_refusal(self._status, bytes(self._body), self._doing))
        elif self._reader is None and not self.whole.called:
            self.whole.callback(bytes(self._body))
        super().connectionLost(reason)

    def _fire(self, result: EngineAnswer | EngineError) -> None:
        if not self.began.called:
            if isinstance(result, EngineError):
                self.began.errback(result)
            else:
                self.began.callback(result)


def _refusal(status: int, body: bytes, doing: str) -> EngineError:
    try:
        text = one_line(str(json.loads(body)["message"]))
    except (ValueError, KeyError, TypeError):
        text = f"status {status}"
    if status == 404 and "no such container" in text.lower():
        return ContainerAbsent(text)
    kind = EngineUnavailable if status == 503 else EngineRefused
    return kind(f"the Docker Engine refused to {doing}: {text}")


class EngineStreams:
    """
    The requests to one Engine that need no thread. See Note [A stream has no thread].

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    """

    def __init__(self, reactor: Any, url: str) -> None:
        self._reactor = reactor
        scheme, _, place = url.partition("://")
        self._is_elsewhere = scheme != "unix"
        if scheme == "unix":
            self._endpoint: Any = UNIXClientEndpoint(reactor, place, timeout=CONNECT_TIMEOUT)
        else:
            host, _, port = place.rpartition(":")
            self._endpoint = HostnameEndpoint(reactor, host.strip("[]").encode(), int(port), timeout=CONNECT_TIMEOUT)

    async def ask(self, doing: str, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of an answer, None where it has none. :raises EngineError: there is no such answer."""
        answer = await self._begun(doing, _request(method, path, body, ("HTTP/1.0",)))
        content = await answer.read_whole().addTimeout(ANSWER_TIMEOUT, self._reactor, partial(_silent, doing))
        if answer.is_cut_short:
            raise EngineUnavailable(f"the Docker Engine ended its answer in the middle when asked to {doing}")
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise EngineUnavailable(f"the Docker Engine gave no usable answer when asked to {doing}") from None

    async def read(self, doing: str, path: str) -> EngineAnswer:
        """Return a stream that is only read. :raises EngineError: the Engine does not begin it."""
        return await self._begun(doing, _request("GET", path, None, ("HTTP/1.0",)))

    async def upgrade(self, doing: str, path: str, body: object) -> EngineAnswer:
        """Return a stream in both directions. :raises EngineError: the Engine does not begin it."""
        lines = ("HTTP/1.1", "Host: docker", "Connection: Upgrade", "Upgrade: tcp")
        return await self._begun(doing, _request("POST", path, body, lines))

    async def connect(self, answer: EngineAnswer, doing: str) -> None:
        """Open the connection of a request. :raises EngineError: the Engine is not there."""
        try:
            await self._endpoint.connect(QuietFactory.forProtocol(lambda: answer))
        except (ConnectError, OSError) as error:
            text = f"the Docker Engine did not answer when asked to {doing}: {one_line(str(error))}"
            raise EngineUnavailable(text) from None
        if self._is_elsewhere:
            OF_ENGINE.begin(answer.transport.socket)  # Note [A cut network] in ``engine.clients``

    async def _begun(self, doing: str, request: bytes) -> EngineAnswer:
        answer = EngineAnswer(request, doing)
        await self.connect(answer, doing)
        return await answer.began.addTimeout(ANSWER_TIMEOUT, self._reactor, partial(_silent, doing))


def _silent(doing: str, *_: object) -> NoReturn:
    """:raises EngineSilent: always, for an answer that did not come in time."""
    raise EngineSilent(f"the Docker Engine did not answer within {ANSWER_TIMEOUT:g} s when asked to {doing}")


def _request(method: str, path: str, body: object, lines: tuple[str, ...]) -> bytes:
    version, *headers = lines
    content = b"" if body is None else json.dumps(body).encode()
    if content:
        headers += ["Content-Type: application/json"]
    head = [f"{method} {path} {version}", *headers, f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content
