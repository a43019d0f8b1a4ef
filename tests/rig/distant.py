"""A way to a server that is as long as a test wants it."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

CHUNK = 64 * 1024


class Distant:
    """
    Listens on a port of its own, and carries what it gets there to ``port`` and back.

    :param delay: seconds that everything takes, each way; a round trip takes twice as long.
    """

    def __init__(self, port: int, delay: float) -> None:
        self._to = port
        self._delay = delay
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nothing is carried any more; every connection ends."""
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for one, other in ((near, far), (far, near)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                    threading.Thread(target=self._take, args=(one, on_the_way), daemon=True).start()
                    threading.Thread(target=self._give, args=(other, on_the_way), daemon=True).start()

    def _take(self, one: socket.socket, on_the_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        taken = b"\0"
        while taken:
            try:
                taken = one.recv(CHUNK)
            except OSError:
                taken = b""
            on_the_way.put((time.monotonic() + self._delay, taken))

    def _give(self, other: socket.socket, on_the_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(OSError):
            while True:
                deadline, taken = on_the_way.get()
                time.sleep(max(0.0, deadline - time.monotonic()))
                if not taken:
                    other.shutdown(socket.SHUT_WR)
                    return
                other.sendall(taken)
