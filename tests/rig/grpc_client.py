"""A client that calls ``tests.rig.grpc_app`` by TLS, for tests through nginx."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

import grpc

from tests.rig.grpc_app import SERVICE
from tests.rig.nginx_here import LIMIT


class Caller:
    """A client that calls by TLS with one connection. Its methods block: they belong into a thread."""

    def __init__(self, port: int, host_name: str, authority: bytes) -> None:
        options = (("grpc.ssl_target_name_override", host_name), ("grpc.enable_retries", 0))
        credentials = grpc.ssl_channel_credentials(authority)
        self._channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options)

    def close(self) -> None:
        self._channel.close()

    def call(self, method: str, message: bytes = b"", metadata: Mapping[str, str] | None = None) -> bytes:
        """:raises grpc.RpcError: the call fails."""
        call = self._channel.unary_unary(f"/{SERVICE}/{method}")
        said: bytes = call(message, timeout=LIMIT, metadata=tuple((metadata or {}).items()))
        return said

    def count(self, to: int) -> list[bytes]:
        return list(self._channel.unary_stream(f"/{SERVICE}/Count")(str(to).encode(), timeout=LIMIT))

    def chat(self, between: Callable[[int], None], rounds: int) -> list[bytes]:
        """Say as many words on one call, each after the answer to the one before, and ``between`` before it."""
        answered = threading.Semaphore()

        def words() -> Iterator[bytes]:
            for number in range(rounds):
                answered.acquire()
                between(number)
                yield str(number).encode()

        found = []
        for answer in self._channel.stream_stream(f"/{SERVICE}/Chat")(words(), timeout=LIMIT):
            found.append(answer)
            answered.release()
        return found
