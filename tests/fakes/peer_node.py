"""The peer listener of a node at loopback, with real TLS, whose answers the test plays."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.frames import MAX_FRAME, FrameKind, FrameReader, written
from daprdockr.model.session import SessionRequest
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.model.stored.node import NodeRecord
from daprdockr.peer.own import OwnPeer
from daprdockr.sealing.certificates import self_signed

PATIENCE = 20.0
"""Seconds after which a test fails for octets that did not come."""


@cache
def pair() -> CertificatePair:
    return self_signed(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


class PeerConnection:
    """One connection, from the node's side."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.connection = connection
        self._reader = FrameReader()
        self._frames: list[tuple[FrameKind, bytes]] = []

    def send(self, *frames: tuple[FrameKind, bytes]) -> None:
        """Send frames in one write."""
        self.connection.sendall(b"".join(written(kind, content) for kind, content in frames))

    def next(self) -> tuple[FrameKind, bytes] | None:
        """The next frame of the command line; None when it ended the connection, in order or not."""
        while not self._frames:
            data = b""
            with suppress(ConnectionError):
                data = self.connection.recv(MAX_FRAME)
            if not data:
                return None
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    def asked(self) -> SessionRequest:
        """The request that opens the session."""
        found = self.next()
        assert found is not None and found[0] is FrameKind.ASK, found
        return SessionRequest.decode(found[1])

    def accept(self, *frames: tuple[FrameKind, bytes]) -> SessionRequest:
        """Accept what is asked for; ``frames`` come with the acceptance."""
        request = self.asked()
        self.send((FrameKind.ACCEPTED, b""), *frames)
        return request


class PeerNode:
    """Each of the ``plays`` gets a connection, in their order, in a thread; the connection is closed behind it."""

    def __init__(self, case: SynchronousTestCase, *plays: Callable[[PeerConnection], object]) -> None:
        self.failures: list[BaseException] = []
        self._plays = plays
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(pair().key + pair().chain)
            file.flush()
            self._context.load_cert_chain(file.name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._playing: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        case.addCleanup(self._end)

    def record(self, fingerprint: str = "") -> NodeRecord:
        own = OwnPeer(pair(), lambda: (self._listener.getsockname(), self._listener.getsockname()))
        return NodeRecord(peer=own.published, fingerprint=fingerprint or own.fingerprint)

    def wait(self) -> None:
        """Wait until all plays are over."""
        self._accepting.join(PATIENCE)
        for thread in self._playing:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        for play in self._plays:
            try:
                plain, _ = self._listener.accept()
            except OSError:  # the test has ended
                return
            plain.settimeout(PATIENCE)
            self._playing.append(threading.Thread(target=self._serve, args=(play, plain), daemon=True))
            self._playing[-1].start()

    def _serve(self, play: Callable[[PeerConnection], object], plain: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
            self._play(play, connection)

    def _play(self, play: Callable[[PeerConnection], object], connection: ssl.SSLSocket) -> None:
        try:
            play(PeerConnection(connection))
        except Exception as error:
            self.failures.append(error)
        with suppress(OSError):  # what nobody read would otherwise be a reset, which loses what was sent
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(MAX_FRAME):
                pass

    def _end(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.wait()
        self._listener.close()
        for failure in self.failures:
            raise failure


def pipe(case: SynchronousTestCase) -> tuple[int, int]:
    """Reader and writer of a pipe, closed at the end of the test if they are not closed before."""
    ends = os.pipe()

    def close() -> None:
        for end in ends:
            with suppress(OSError):
                os.close(end)

    case.addCleanup(close)
    return ends
