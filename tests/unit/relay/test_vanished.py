"""Peers of the relay that vanish in silence, and those that are only slow."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct

from tests.build.ports import free_port
from tests.build.relaying import HERE, Client, RelayCase, RelayScene

_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: "ret #0"
_ATTACH_FILTER = 26
_SOME = 0.6


def vanish(connection: socket.socket) -> None:
    """Have the kernel drop all that comes for it, unread and unanswered, as for a host without power."""
    program = struct.pack("HL", 1, ctypes.addressof(_NOTHING))
    connection.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


class VanishedTests(RelayCase):
    def test_instance(self) -> None:
        """A client whose request reached nobody is reset, although the kernel would go on to retransmit it."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            connections: list[socket.socket] = []

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.append(writer.get_extra_info("socket"))
                while line := await reader.readline():
                    writer.write(line)

            await scene.lead(port, await scene.instance("a", serve))
            client = await Client.to(port)
            self.assertEqual(await client.ask("1"), "1")
            await asyncio.sleep(_SOME)  # a peer that had nothing to acknowledge for long has not vanished
            scene.clients.end_vanished(_SOME)
            vanish(connections[0])
            answer = asyncio.ensure_future(client.ask("2"))
            await asyncio.sleep(_SOME / 2)
            scene.clients.end_vanished(_SOME)
            self.assertFalse(answer.done())
            with self.assertRaises(ConnectionResetError):
                while not answer.done():
                    await asyncio.sleep(0.05)
                    scene.clients.end_vanished(_SOME)
                await answer
            scene.close()

        self.play(scenario())

    def test_paused(self) -> None:
        """A client that acknowledges and does not read keeps its connection, and gets all of it later."""

        async def scenario() -> None:
            scene, port, size = RelayScene(), free_port(), 20_000_000

            async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"a" * size)
                writer.close()

            await scene.lead(port, await scene.instance("pours", pour))
            with socket.create_connection((HERE, port)) as client:
                client.setblocking(False)
                for _ in range(10):
                    await asyncio.sleep(0.1)
                    scene.clients.end_vanished(0.01)
                reader, _ = await asyncio.open_connection(sock=client)
                self.assertEqual(len(await reader.read()), size)
            scene.close()

        self.play(scenario())

    def test_paused_and_vanished(self) -> None:
        """A client that vanishes while it does not read is reset, too: the kernel would ask it to go on for long."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            ended = asyncio.Event()

            async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"a" * 20_000_000)
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                ended.set()

            await scene.lead(port, await scene.instance("pours", pour))
            with socket.create_connection((HERE, port)) as client:
                await asyncio.sleep(_SOME)  # until it has taken all that it has room for
                vanish(client)
                for _ in range(300):
                    await asyncio.sleep(0.05)
                    scene.clients.end_vanished(_SOME)
                    if ended.is_set():
                        break
                self.assertTrue(ended.is_set())
            scene.close()

        self.play(scenario())
