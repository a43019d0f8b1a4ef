"""TCP over the relay: who gets a connection, what passes, and what a change of the routes leaves alone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from typing import Any

from daprdockr.relay.choosing import Choice
from daprdockr.relay.message import Destination, PortRoute
from daprdockr.relay.streams import CONNECT, ClientCount, ClientSide
from tests.build.ports import free_port
from tests.build.relaying import HERE, PATIENCE, Client, RelayCase, RelayScene, naming

_LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class BegunAnyway(ClientSide):
    """A client that is read from after ``connection_made`` in any case, as by Python 3.11.2, that of Debian 12."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.resume_reading()


class StreamTests(RelayCase):
    def test_survives_changes(self) -> None:
        """A connection to an instance that stays goes on through fifty changes of the others; new ones follow them."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            stays, others = await scene.instance("stays"), [await scene.instance(f"other{n}") for n in range(2)]
            await scene.lead(port, stays)
            kept = await Client.to(port)
            self.assertEqual(await kept.ask("0"), "stays 0")
            for number in range(1, 51):
                await scene.lead(port, stays, others[number % 2])
                self.assertEqual(await kept.ask(str(number)), f"stays {number}")
            self.assertEqual(await (await Client.to(port)).ask("x"), "other0 x")
            scene.close()

        self.play(scenario())

    def test_fewest_connections(self) -> None:
        """A connection goes to the instance with the fewest, of equal ones to a local one."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            near, far, other = [await scene.instance(name) for name in ("near", "far", "other")]
            await scene.lead(port, near._replace(local=True), far, other)
            clients = [await Client.to(port) for _ in range(4)]
            names = [await client.ask("") for client in clients]
            self.assertEqual((names[0], {*names[1:3]}, names[3]), ("near", {"far", "other"}, "near"))
            for client in (clients[0], clients[3]):
                client.writer.write_eof()
                self.assertEqual(await client.reader.read(), b"")
            self.assertEqual([await (await Client.to(port)).ask("") for _ in range(2)], ["near", "near"])
            scene.close()

        self.play(scenario())

    def test_refused_goes_elsewhere(self) -> None:
        """A connection that an instance refuses goes to another one, and the first is left out for a while."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            dead = Destination(HERE, free_port(), local=True)
            await scene.lead(port, dead, await scene.instance("lives"))
            for number in range(3):
                self.assertEqual(await (await Client.to(port)).ask(str(number)), f"lives {number}")
            scene.close()

        self.play(scenario())

    def test_waits_for_an_instance(self) -> None:
        """While there is no instance a client waits; what it sent meanwhile reaches the first one that is there."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, Destination(HERE, free_port()))
            client = await Client.to(port)
            answer = asyncio.ensure_future(client.ask("early"))
            await asyncio.wait({answer}, timeout=0.3)
            self.assertFalse(answer.done())
            await scene.lead(port, await scene.instance("late"))
            self.assertEqual(await answer, "late early")
            scene.close()

        self.play(scenario())

    def test_waits_in_older_loops(self) -> None:
        """A loop that begins to read a client in any case loses nothing of what that one sends at once."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            loop = asyncio.get_running_loop()
            choice = Choice(PortRoute("tcp", port, "db.app", (await scene.instance("one"),)), loop.time)
            clients = ClientCount(2)
            scene.servers["relay"] = await loop.create_server(lambda: BegunAnyway(clients, choice), HERE, port)
            self.assertEqual(await (await Client.to(port)).ask("early"), "one early")
            scene.close()

        self.play(scenario())

    def test_many_wait(self) -> None:
        """Clients that wait for an instance that refuses share the attempts, and all go to it when it took one."""

        async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.CancelledError):  # the scenario is over
                await naming("back", reader, writer)

        async def scenario() -> None:
            scene, port, many = RelayScene(hold=PATIENCE), free_port(), 20
            pauses: list[float] = []

            def pause(tried: int) -> float:
                pauses.append(tried * PATIENCE)
                return pauses[-1]

            dead = Destination(HERE, free_port())
            await scene.lead(port, dead)
            choice = scene.listeners._choices["tcp", port]
            vars(choice)["pause"] = pause
            clients = [await Client.to(port) for _ in range(many)]
            while len(choice._waiting) < many:
                await asyncio.sleep(0.01)
            self.assertEqual(pauses, [PATIENCE] * many)
            lives = await asyncio.start_server(back, HERE, dead.port)
            clients.append(await Client.to(port))
            answers = await asyncio.gather(*(client.ask("x") for client in clients))
            self.assertEqual(answers, ["back x"] * (many + 1))
            lives.close()
            scene.close()

        self.play(scenario())

    def test_connected_too_late(self) -> None:
        """An instance whose connection is given up when it is just there does not take the client with it."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            late, lives = await scene.instance("late"), await scene.instance("lives")
            loop = asyncio.get_running_loop()
            connect = loop.create_connection

            async def slowly(factory: Any, host: str, number: int) -> Any:
                made = await connect(factory, host, number)
                if number == late.port:
                    made[0].close()  # as the loop does when the time is up
                    raise TimeoutError
                return made

            await scene.lead(port, late, lives)
            vars(loop)["create_connection"] = slowly  # the loop is the scenario's own
            for number in range(3):
                self.assertEqual(await (await Client.to(port)).ask(str(number)), f"lives {number}")
            scene.close()

        self.play(scenario())

    def test_no_port_left(self) -> None:
        """An instance that no port is left to connect to is passed over; if there is no other, the client is reset."""

        async def scenario() -> None:
            scene, port = RelayScene(hold=PATIENCE), free_port()
            full, lives = await scene.instance("full"), await scene.instance("lives")
            loop = asyncio.get_running_loop()
            connect = loop.create_connection

            async def from_a_port(factory: Any, host: str, number: int) -> Any:
                if number == full.port:
                    raise OSError(errno.EADDRNOTAVAIL, "no port is left")
                return await connect(factory, host, number)

            vars(loop)["create_connection"] = from_a_port  # the loop is the scenario's own
            await scene.lead(port, full._replace(local=True), lives)
            for number in range(3):
                self.assertEqual(await (await Client.to(port)).ask(str(number)), f"lives {number}")
            await scene.lead(port, full)
            began = loop.time()
            with self.assertRaises(ConnectionResetError):
                await (await Client.to(port)).ask("x")
            self.assertLess(loop.time() - began, PATIENCE / 2)
            scene.close()

        self.play(scenario())

    def test_all_are_silent(self) -> None:
        """A client is reset when it has waited long enough, however many instances do not even refuse a connection."""

        async def scenario() -> None:
            scene, port = RelayScene(hold=0.5), free_port()
            with socket.create_server(("", 0), backlog=0) as silent, contextlib.ExitStack() as queue:
                _, number = silent.getsockname()
                for _ in range(3):  # with its queue full the kernel answers no SYN
                    waiting = queue.enter_context(socket.socket())
                    waiting.setblocking(False)
                    waiting.connect_ex((HERE, number))
                await scene.lead(port, *(Destination(f"127.0.0.{last}", number) for last in range(1, 5)))
                began = asyncio.get_running_loop().time()
                client = await Client.to(port)
                with self.assertRaises(ConnectionResetError):
                    await client.ask("x")
                self.assertLess(asyncio.get_running_loop().time() - began, 3 * CONNECT)
            scene.close()

        self.play(scenario())

    def test_one_way_ends(self) -> None:
        """A client that has sent all still receives the answer, all of it, and then the end."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            size = 3_000_000

            async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                received = await reader.read()
                writer.write(b"a" * len(received))
                writer.close()

            await scene.lead(port, await scene.instance("counts", count))
            client = await Client.to(port)
            client.writer.write(b"q" * size)
            client.writer.write_eof()
            self.assertEqual(len(await client.reader.read()), size)
            scene.close()

        self.play(scenario())

    def test_slow_reader(self) -> None:
        """A client that does not read stops the sender, and loses nothing."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            size, sent = 40_000_000, 0

            async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal sent
                for _ in range(size // 100_000):
                    writer.write(b"x" * 100_000)
                    await writer.drain()
                    sent += 100_000
                writer.close()

            await scene.lead(port, await scene.instance("pours", pour))
            client = await Client.to(port)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # WriteTransport does not declare it
            before = -1
            while sent != before or not sent:
                before = sent
                await asyncio.sleep(0.3)
            self.assertTrue(0 < sent < size, sent)
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            self.assertEqual(len(await client.reader.read()), size)
            scene.close()

        self.play(scenario())

    def test_reset_is_passed_on(self) -> None:
        """An instance that resets a connection resets the client's: the end of a stream could pass for an answer."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()

            async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readline()
                own = writer.get_extra_info("socket")
                own.setsockopt(*_LINGER)
                writer.transport.abort()

            await scene.lead(port, await scene.instance("resets", reset))
            client = await Client.to(port)
            with self.assertRaises(ConnectionResetError):
                await client.ask("x")
            scene.close()

        self.play(scenario())

    def test_too_many(self) -> None:
        """A route may have half of all connections; more are reset at once, and those that exist go on."""

        async def scenario() -> None:
            scene, port = RelayScene(most=4), free_port()
            await scene.lead(port, await scene.instance("one"))
            clients = [await Client.to(port) for _ in range(2)]
            for client in clients:
                self.assertEqual(await client.ask("a"), "one a")
            with self.assertRaises(ConnectionResetError):
                await (await Client.to(port)).ask("b")
            self.assertEqual(await clients[0].ask("c"), "one c")
            clients[1].writer.close()
            await self.answered(port)
            scene.close()

        self.play(scenario())

    async def answered(self, port: int) -> None:
        """Wait until there is room for one more."""
        while True:
            try:
                self.assertEqual(await (await Client.to(port)).ask("d"), "one d")
                return
            except ConnectionResetError:
                await asyncio.sleep(0.01)

    def test_proxy_protocol(self) -> None:
        """With the PROXY protocol a connection to an instance begins with the address of the client."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, await scene.instance("behind"), proxy=True)
            client = await Client.to(port)
            own = client.writer.get_extra_info("sockname")[1]
            self.assertEqual(await client.ask("x"), f"behind PROXY TCP4 {HERE} {HERE} {own} {port}")
            self.assertEqual((await client.reader.readline()).decode(), "behind x\n")
            scene.close()

        self.play(scenario())
