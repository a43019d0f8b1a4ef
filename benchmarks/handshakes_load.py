# -*- test-case-name: tests.tools.test_bench_handshakes -*-
"""Clients that make one full TLS handshake after another at a fixed rate, and note which certificate each got."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from attrs import frozen

from daprdockr.model.stored.certificate import CertificatePair

CLIENTS = 8
TIMEOUT = 5.0

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE


@frozen
class Seen:
    """
    One handshake: when it began and ended, by the monotonic clock, and the number of the certificate that was shown;
    None: it failed.
    """

    begin: float
    end: float
    shown: int | None


def handshake(port: int, name: str, numbers: dict[bytes, int] | None = None) -> Seen:
    """Make one. :param numbers: those of the certificates; another one is -1."""
    begin, shown = time.monotonic(), None
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as stream,
            _CONTEXT.wrap_socket(stream, server_hostname=name) as connection,
        ):
            shown = (numbers or {}).get(connection.getpeercert(binary_form=True) or b"", -1)
    except OSError:
        pass
    return Seen(begin, time.monotonic(), shown)


class Handshakes:
    """``with Handshakes(...) as load``: they are made while it lasts, and are in ``load.seen`` afterwards."""

    def __init__(self, port: int, name: str, rate: int, pairs: Sequence[CertificatePair]) -> None:
        self._port, self._name, self._rate = port, name, rate
        self._numbers = {ssl.PEM_cert_to_DER_cert(pair.chain): number for number, pair in enumerate(pairs)}
        self._over = threading.Event()
        self._turns = itertools.count()  # its next is atomic
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]
        self._first = 0.0
        self.seen: list[Seen] = []

    def __enter__(self) -> Self:
        self._first = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            due = self._first + next(self._turns) / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            self.seen.append(handshake(self._port, self._name, self._numbers))
