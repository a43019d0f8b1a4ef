"""Instances that speak gRPC, in this process, and a client that calls them by TLS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from tests.rig.nginx_here import LIMIT

SERVICE = "shop.Echo"


class EchoServer:
    """
    An instance of the service ``shop.Echo``, whose messages are plain octets and whose answers begin with its name.

    ``Say`` answers a message, ``Chat`` each of a stream, ``Count`` one with as many as its text says, ``Meet`` with
    what it sees of the call, ``Fail`` with a status, ``Sleep`` after as many seconds as the text says.
    """

    def __init__(self, name: str, port: int = 0) -> None:
        self.name = name.encode()
        self.calls = 0
        self._server = grpc.server(ThreadPoolExecutor(20), options=(("grpc.so_reuseport", 0),))
        methods: dict[str, Any] = {
            "Say": grpc.unary_unary_rpc_method_handler(self._say),
            "Meet": grpc.unary_unary_rpc_method_handler(self._meet),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Sleep": grpc.unary_unary_rpc_method_handler(self._sleep),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait(LIMIT)

    def _answer(self, message: bytes) -> bytes:
        self.calls += 1
        return self.name + b":" + message

    def _say(self, message: bytes, _: Any) -> bytes:
        return self._answer(message)

    def _meet(self, _: bytes, context: Any) -> bytes:
        seen = [f"{key}={value}" for key, value in context.invocation_metadata()]
        return self._answer("\n".join(seen).encode())

    def _fail(self, message: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("reason", "of-a-trailer"),))
        return bytes(context.abort(grpc.StatusCode.NOT_FOUND, f"no {message.decode()} here"))

    def _sleep(self, message: bytes, _: Any) -> bytes:
        threading.Event().wait(float(message))
        return self._answer(message)

    def _count(self, message: bytes, _: Any) -> Iterator[bytes]:
        for number in range(int(message)):
            yield self._answer(str(number).encode())

    def _chat(self, messages: Iterator[bytes], _: Any) -> Iterator[bytes]:
        return map(self._answer, messages)


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
