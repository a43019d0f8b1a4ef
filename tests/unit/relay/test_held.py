"""A bound on all that the relay holds for peers that do not read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from daprdockr.relay.held import LEAST, READ, Held
from daprdockr.relay.streams import Side
from tests.build.ports import free_port
from tests.build.relaying import HERE, Client, RelayCase, RelayScene

_MANY, _ROOM, _SIZE = 12, 2 * READ, 8_000_000


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(_SIZE // 100_000):
        writer.write(b"x" * 100_000)
        await writer.drain()
    writer.close()


async def _unread(port: int) -> Client:
    """Return a client that does not read, and for which the kernel takes little."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (HERE, port))
    client = Client(*await asyncio.open_connection(sock=own))
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # WriteTransport does not declare it
    return client


def _waiting() -> int:
    """Return how many bytes the transports of the relay have in memory."""
    transports: list[Any] = list(vars(asyncio.get_running_loop())["_transports"].values())
    return sum(one.get_write_buffer_size() for one in transports if isinstance(one.get_protocol(), Side))


class AlmostTaken:
    """A transport whose peer takes all but one byte."""

    def __init__(self, protocol: Side) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return 1


class HeldTests(RelayCase):
    def test_lengths(self) -> None:
        """A read is long while there is room for it, and then short."""
        held = Held(room=10)
        lengths = []
        for held.size in (0, 9, 10, 1_000_000):
            lengths.append(len(held.place()))
        self.assertEqual(lengths, [READ, READ, LEAST, LEAST])

    def test_rest(self) -> None:
        """All of a read counts until the last byte is taken: a transport of Python 3.12 keeps it for so long."""
        held = Held()
        side, other = Side(held, lambda: None), Side(held, lambda: None)
        side.other, other.transport = other, cast(asyncio.Transport, AlmostTaken(other))
        side.buffer_updated(5000)
        self.assertEqual(held.size, 5000)
        other.resume_writing()
        self.assertEqual(held.size, 0)

    def test_unread(self) -> None:
        """Connections of clients that do not read hold no more than is allowed, lose nothing, and leave nothing."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            scene.clients.held = held = Held(_ROOM)
            await scene.lead(port, await scene.instance("pours", _pour))
            clients = [await _unread(port) for _ in range(_MANY)]
            before = -1
            while _waiting() != before:
                before = _waiting()
                await asyncio.sleep(0.5)
            self.assertGreater(before, 0)
            self.assertLessEqual(before, _ROOM + READ + _MANY * LEAST)
            for client in clients[1:]:
                client.writer.transport.abort()
            clients[0].writer.transport.resume_reading()  # type: ignore[attr-defined]
            self.assertEqual(len(await clients[0].reader.read()), _SIZE)
            while held.size:
                await asyncio.sleep(0.05)
            scene.close()

        self.play(scenario())
