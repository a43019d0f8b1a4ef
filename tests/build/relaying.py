"""Instances and clients on loopback, for tests of the relay: each scenario is a coroutine in a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.relay.datagrams import UdpSessions
from daprdockr.relay.listeners import Listeners
from daprdockr.relay.message import Destination, PortRoute, RelayState
from daprdockr.relay.streams import HOLD, ClientCount

HERE = "127.0.0.1"
PATIENCE = 30.0
"""Seconds that a step may take on a machine with much else to do."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def naming(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line with the own name and that line, until the client ends."""
    while line := await reader.readline():
        writer.write(name.encode() + b" " + line)
    writer.close()


class NamedDatagrams(asyncio.DatagramProtocol):
    """Answers each datagram with the own name and that datagram."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.name.encode() + b" " + data, addr)


class RelayScene:
    """Listeners of a relay, and instances that say their names."""

    def __init__(self, most: int = 100, sessions: int = 100, hold: float = HOLD) -> None:
        self.sessions = UdpSessions(sessions)
        self.clients = ClientCount(most, hold)
        self.listeners = Listeners(self.clients, self.sessions)
        self.servers: dict[str, Any] = {}

    async def instance(self, name: str, serve: Serve | None = None) -> Destination:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.CancelledError, OSError):  # the scenario is over
                await (serve(reader, writer) if serve else naming(name, reader, writer))

        server = await asyncio.start_server(speak, HERE, 0)
        self.servers[name] = server
        return Destination(HERE, server.sockets[0].getsockname()[1])

    async def datagrams(self, name: str) -> Destination:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: NamedDatagrams(name), local_addr=(HERE, 0))
        self.servers[name] = transport
        return Destination(HERE, transport.get_extra_info("sockname")[1])

    async def lead(self, port: int, *destinations: Destination, protocol: str = "tcp", proxy: bool = False) -> None:
        route = PortRoute(protocol, port, "db.app", destinations, proxy)
        await self.listeners.take(RelayState((HERE,), (route,)))

    def close(self) -> None:
        self.listeners.close()
        for server in self.servers.values():
            server.close()


class Client:
    """A connection to the relay that speaks in lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection(HERE, port))

    async def ask(self, text: str) -> str:
        """Send a line; return the answer, "" if the connection ended."""
        self.writer.write(text.encode() + b"\n")
        return (await self.reader.readline()).decode().strip()


class DatagramClient(asyncio.DatagramProtocol):
    """A client that sends from one port of its own."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[str] = asyncio.Queue()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answers.put_nowait(data.decode())

    @classmethod
    async def to(cls, port: int) -> DatagramClient:
        _, client = await asyncio.get_running_loop().create_datagram_endpoint(cls, remote_addr=(HERE, port))
        return client

    async def ask(self, text: str) -> str:
        self.transport.sendto(text.encode())
        return await self.answers.get()


class RelayCase(SynchronousTestCase):
    def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await scenario

        asyncio.run(bounded())
