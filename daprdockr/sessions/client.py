"""
Sessions with the agents of nodes: docs/design/peer.rst.

Note [Whom a command line trusts]
    The certificate of a node is its own, signed by nobody. Its fingerprint stands in the node's record in etcd, and
    nothing is sent before the certificate that the other side shows is found to be that one. The token then shows the
    agent that the command line can write to etcd, which is what makes anybody root on the nodes anyway.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256

from attrs import define, field, frozen

from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.frames import ABSENT, BUSY, MAX_FRAME, FrameKind, FrameReader, written
from daprdockr.model.seams import Store
from daprdockr.model.session import LIFE, SessionAsked, SessionRequest, token_digest
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.runtime.probing import OF_SESSION

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 45.0
"""Seconds until a session is accepted or refused: the node asks its etcd and its Docker Engine first."""


class SessionFailed(DaprdockrError):
    """A node does not answer, is not the one that it should be, refused, or was lost; the text names it."""


class SessionLost(SessionFailed):
    """A session that had begun ended in the middle, and the agent said nothing about it."""


class SessionBusy(SessionFailed):
    """A node refused because others are under way: it may take the session in a moment."""


class SessionAbsent(SessionFailed, NotFound):
    """A node refused because what it was asked for does not exist."""


@frozen
class PeerSession:
    """A session that was accepted: a connection that carries frames."""

    node: str
    connection: ssl.SSLSocket
    reader: FrameReader
    first: list[tuple[FrameKind, bytes]]
    """Frames that came with the acceptance."""

    def frames(self, check: Callable[[], object] = lambda: None) -> Iterator[tuple[FrameKind, bytes]]:
        """
        Yield what comes, the status last.

        :param check: called when anything has come, a part of a frame too: raises what ends this.
        :raises SessionFailed: the connection is lost, or the agent cannot go on.
        """
        for kind, content in self._all(check):
            yield kind, content
            if kind is FrameKind.STATUS:
                return

    def _all(self, check: Callable[[], object]) -> Iterator[tuple[FrameKind, bytes]]:
        yield from self._checked(self.first)
        while True:
            try:
                data = self.connection.recv(MAX_FRAME)
            except OSError as error:
                raise self.lost(error) from None
            if not data:
                raise SessionLost(f"node {self.node} is lost: its agent ended the connection")
            check()
            yield from self._checked(self.reader.feed(data))

    def _checked(self, frames: list[tuple[FrameKind, bytes]]) -> Iterator[tuple[FrameKind, bytes]]:
        for kind, content in frames:
            check_frame(self.node, kind, content)
            yield kind, content

    def lost(self, error: OSError) -> SessionLost:
        """Return the error of a connection as one that names the node."""
        if isinstance(error, TimeoutError) and (patience := self.connection.gettimeout()) is not None:
            return SessionLost(f"node {self.node} did not go on within {patience:g} s")
        return SessionLost(f"node {self.node} is lost: {_text(error)}")

    def close(self) -> None:
        """Close it; may be called from any thread, and ends ``frames`` in another one."""
        with suppress(OSError):  # the other side was first
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def check_frame(node: str, kind: FrameKind, content: bytes) -> None:
    """:raises SessionFailed: with this frame the agent says that it cannot go on."""
    if kind is FrameKind.REFUSED:
        raise SessionFailed(_refusal(node, content))


def _refusal(node: str, content: bytes) -> str:
    return content.decode("utf-8", "replace") or f"node {node} refused"


@define
class Sessions:
    """
    Opens sessions, from any thread.

    :ivar by: who asks, as the nodes record it.
    :ivar clock: monotonic seconds.
    """

    store: Store
    keys: Keys
    by: str
    clock: Callable[[], float]
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _lease: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    def open(self, node: str, asked: SessionAsked, record: NodeRecord | None = None) -> PeerSession:
        """
        Ask a node for something. See Note [Whom a command line trusts].

        :raises SessionFailed: the node does not answer, is another one, or refuses.
        :raises NotFound: there is no such node.
        :raises EtcdError: etcd does not take the token.
        """
        record = self._record(node) if record is None else record
        return open_session(node, record, lambda: SessionRequest(self._token(node), asked))

    def _record(self, node: str) -> NodeRecord:
        entry = self.store.get(self.keys.node(node))
        if entry is None:
            raise NotFound(f"node {node} has no agent that reports: daprdockrcmd nodes lists those that have")
        return NodeRecord.decode(entry.value)

    def _token(self, node: str) -> str:
        """Write a token to etcd, and return it."""
        token = secrets.token_hex(32)
        key = self.keys.session(token_digest(token))
        self.store.put(key, TokenRecord(node, self.by).encode(), self._current_lease())
        return token

    def _current_lease(self) -> int:
        with self._lock:
            now = self.clock()
            if now >= self._until:
                self._lease, self._until = self.store.grant(LIFE).id, now + LIFE / 3
            return self._lease


def open_session(
    node: str, record: NodeRecord, request: Callable[[], SessionRequest], own: CertificatePair | None = None
) -> PeerSession:
    """
    Ask a node for something. See Note [Whom a command line trusts].

    :param request: returns the request, when the node has shown that it is the right one.
    :param own: shows the node who asks; one that asks so does not wait for long, because it can do without.
    :raises SessionFailed: the node does not answer, is another one, or refuses; or it is asked too much at once.
    """
    connection = _connected(node, record, own)
    try:
        asked = request().encode()
        if len(asked) >= MAX_FRAME:  # with the octet of its kind; the agent would end the connection, and say nothing
            raise SessionFailed(
                f"the request to node {node} has {len(asked)} bytes, and fewer than {MAX_FRAME} are taken: give a"
                " command what it needs by its stdin (exec -i)"
            )
        connection.sendall(written(FrameKind.ASK, asked))
        return _accepted(node, connection, ANSWER_TIMEOUT if own is None else CONNECT_TIMEOUT)
    except OSError as error:
        connection.close()
        raise SessionFailed(f"node {node} does not answer at {record.peer}: {_text(error)}") from None
    except BaseException:
        connection.close()
        raise


def address_of(record: NodeRecord) -> tuple[str, int]:
    """Return where a node takes sessions. :raises BadInput: its record does not say."""
    host, _, port = record.peer.rpartition(":")
    if not host or not port.isdigit():
        raise BadInput("its record names no address")
    return host.strip("[]"), int(port)


def _connected(node: str, record: NodeRecord, own: CertificatePair | None) -> ssl.SSLSocket:
    if not record.peer:
        raise SessionFailed(f"node {node} takes no sessions: its agent is an older one, or has --peer off")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared by its fingerprint
    try:
        if own is not None:
            show_own(context, own)
        plain = socket.create_connection(address_of(record), CONNECT_TIMEOUT)
        OF_SESSION.begin(plain)
        connection = context.wrap_socket(plain)
    except (OSError, BadInput) as error:
        raise SessionFailed(f"node {node} does not answer at {record.peer}: {_text(error)}") from None
    shown = sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
    if not hmac.compare_digest(shown, record.fingerprint):
        connection.close()
        text = "shows another certificate than its record in etcd names: somebody may be in between, nothing was sent"
        raise SessionFailed(f"{record.peer} of node {node} {text}")
    return connection


def show_own(context: ssl.SSLContext, own: CertificatePair) -> None:
    """Show a certificate to the other side. OpenSSL reads it from a file: this one is in memory, and has no name."""
    with open(os.memfd_create("own"), "wb") as file:
        file.write((own.key + own.chain).encode())
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")


def _accepted(node: str, connection: ssl.SSLSocket, patience: float) -> PeerSession:
    """
    Return the session when the agent accepted it.

    :raises SessionFailed: it did not.
    :raises TimeoutError: it has not done so in time, however steadily something comes.
    """
    connection.settimeout(patience)
    reader, until = FrameReader(), time.monotonic() + patience
    while True:
        data = _received(connection, until)
        if not data:
            raise SessionFailed(f"node {node} ended the connection: try again later")
        frames = reader.feed(data)
        if frames:
            (kind, content), *rest = frames
            if kind is FrameKind.REFUSED:
                status = _status(lambda: _received(connection, until), reader, rest)
                raise _REFUSALS.get(status, SessionFailed)(_refusal(node, content))
            check_frame(node, kind, content)
            if kind is not FrameKind.ACCEPTED:
                raise SessionFailed(f"node {node} does not answer as an agent does: use the same version on both sides")
            connection.settimeout(None)
            return PeerSession(node, connection, reader, rest)


def _received(connection: ssl.SSLSocket, until: float) -> bytes:
    """:raises TimeoutError: that was too late, however steadily something came before."""
    data = connection.recv(MAX_FRAME)
    if time.monotonic() > until:
        raise TimeoutError
    return data


_REFUSALS = {BUSY: SessionBusy, ABSENT: SessionAbsent}


def _status(receive: Callable[[], bytes], reader: FrameReader, frames: list[tuple[FrameKind, bytes]]) -> bytes:
    """Return the status that follows a refusal, b"" for none; an older agent says nothing more."""
    with suppress(OSError, BadInput):
        while not frames and (data := receive()):
            frames = reader.feed(data)
    return next((content for kind, content in frames if kind is FrameKind.STATUS), b"")


def _text(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
