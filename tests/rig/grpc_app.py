"""
A service that speaks gRPC. As a program it serves at port 8080, names its answers after its instance, and ends at
SIGTERM when it has answered.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

SERVICE = "shop.Echo"
SERVING = b"\x08\x01"
"""A ``HealthCheckResponse``."""


class EchoServer:
    """
    An instance of the service ``shop.Echo``, whose messages are plain octets and whose answers begin with its name.

    ``Say`` answers a message, ``Chat`` each of a stream, ``Count`` one with as many as its text says, ``Meet`` with
    what it sees of the call, ``Fail`` with a status, ``Sleep`` after as many seconds as the text says.
    """

    def __init__(self, name: str, address: str = "127.0.0.1:0") -> None:
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
        health = {"Check": grpc.unary_unary_rpc_method_handler(lambda *_: SERVING)}
        for service, offered in ((SERVICE, methods), ("grpc.health.v1.Health", health)):
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, offered),))
        self.port = self._server.add_insecure_port(address)
        self._server.start()

    def stop(self, grace: float | None = None) -> None:
        """Take no more calls; those under way have ``grace`` seconds."""
        self._server.stop(grace).wait(60)

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


def main() -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    server = EchoServer(f"{os.environ['DAPRDOCKR_INSTANCE']} {os.environ.get('VERSION', '')}", "0.0.0.0:8080")
    ending.wait()
    server.stop(5)


if __name__ == "__main__":
    main()
