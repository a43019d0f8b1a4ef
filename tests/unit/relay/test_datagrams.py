"""UDP over the relay: sessions of clients, and what becomes of them."""

from __future__ import annotations

import asyncio
import errno
import socket

from daprdockr.relay.datagrams import IDLE, IDLE_LASTING, LASTING
from daprdockr.relay.message import Destination, PortRoute, RelayState
from tests.build.ports import free_port
from tests.build.relaying import HERE, DatagramClient, RelayCase, RelayScene


class TooLong(socket.socket):
    """A socket on which the kernel reports once that a datagram was too long for the way."""

    def __init__(self, of: socket.socket) -> None:
        super().__init__(of.family, of.type, fileno=of.detach())
        self.reported = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self.reported:
            self.reported = True
            raise OSError(errno.EMSGSIZE, "Message too long")
        return super().recv(size, flags)


class DatagramTests(RelayCase):
    def test_session(self) -> None:
        """The datagrams of one client go to one instance, and its answers come back from the port that was asked."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, await scene.datagrams("a"), await scene.datagrams("b"), protocol="udp")
            one, two = await DatagramClient.to(port), await DatagramClient.to(port)
            first = (await one.ask("1"))[0]
            self.assertEqual([await one.ask(str(number)) for number in (2, 3)], [f"{first} 2", f"{first} 3"])
            self.assertNotEqual((await two.ask("4"))[0], first, "the other one has fewer clients")
            self.assertEqual(len(scene.sessions), 2)
            scene.close()

        self.play(scenario())

    def test_survives_changes(self) -> None:
        """A session goes on through changes of other instances; one whose instance is gone gets another one."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            a, b, c = [await scene.datagrams(name) for name in "abc"]
            await scene.lead(port, a, protocol="udp")
            client = await DatagramClient.to(port)
            self.assertEqual(await client.ask("0"), "a 0")
            for number in range(1, 51):
                await scene.lead(port, a, (b, c)[number % 2], protocol="udp")
                self.assertEqual(await client.ask(str(number)), f"a {number}")
            await scene.lead(port, b, protocol="udp")
            self.assertEqual(await client.ask("x"), "b x")
            self.assertEqual(len(scene.sessions), 1)
            scene.close()

        self.play(scenario())

    def test_refused_goes_elsewhere(self) -> None:
        """A datagram that was refused, as nobody listens there, goes to another instance."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            dead = Destination(HERE, free_port(), local=True)
            await scene.lead(port, dead, await scene.datagrams("lives"), protocol="udp")
            for number in range(3):
                client = await DatagramClient.to(port)
                self.assertEqual(await client.ask(str(number)), f"lives {number}")
            scene.close()

        self.play(scenario())

    def test_unreachable_goes_elsewhere(self) -> None:
        """An instance to which this host has no way is left out: its clients go to another instance, each of them."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            nowhere = [Destination("255.255.255.255", number, local=True) for number in (1, 2)]
            await scene.lead(port, *nowhere, await scene.datagrams("lives"), protocol="udp")
            for number in range(3):
                client = await DatagramClient.to(port)
                self.assertEqual(await client.ask(str(number)), f"lives {number}")
            await scene.lead(port, *nowhere, protocol="udp")
            (await DatagramClient.to(port)).transport.sendto(b"x")
            await asyncio.sleep(0.02)
            self.assertEqual(len(scene.sessions), 3)
            scene.close()

        self.play(scenario())

    def test_too_long_for_the_way(self) -> None:
        """A session stays with its instance when a router reports that a datagram was too long for the way (ICMP)."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, await scene.datagrams("a"), await scene.datagrams("b"), protocol="udp")
            client = await DatagramClient.to(port)
            first = await client.ask("1")
            session = next(iter(scene.sessions._sessions.values()))
            session.socket = TooLong(session.socket)
            session.receive()
            self.assertEqual(await client.ask("2"), f"{first[0]} 2")
            self.assertEqual(len(scene.sessions), 1)
            scene.close()

        self.play(scenario())

    def test_all_refuse(self) -> None:
        """When all instances refuse a datagram it is lost, once, and nothing is left of its session."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            dead = [Destination(HERE, free_port()) for _ in range(3)]
            await scene.lead(port, *dead, protocol="udp")
            client = await DatagramClient.to(port)
            for _ in range(3):
                client.transport.sendto(b"x")
                await asyncio.sleep(0.02)
            while len(scene.sessions):
                await asyncio.sleep(0.001)
            await scene.lead(port, await scene.datagrams("late"), protocol="udp")
            self.assertEqual(await (await DatagramClient.to(port)).ask("y"), "late y")
            scene.close()

        self.play(scenario())

    def test_bounded(self) -> None:
        """The session that was used longest ago makes room for a new one, and its client gets one again if it sends."""

        async def scenario() -> None:
            scene, port = RelayScene(sessions=3), free_port()
            await scene.lead(port, await scene.datagrams("a"), protocol="udp")
            clients = [await DatagramClient.to(port) for _ in range(5)]
            for number, client in enumerate([*clients, clients[0]]):
                self.assertEqual(await client.ask(str(number)), f"a {number}")
            self.assertEqual(len(scene.sessions), 3)
            scene.close()
            self.assertEqual(len(scene.sessions), 0)

        self.play(scenario())

    def test_flood_of_one_route(self) -> None:
        """Any number of clients of one route end no sessions of another, beyond half of what there is room for."""

        async def scenario() -> None:
            scene, flooded, other = RelayScene(sessions=4), free_port(), free_port()
            there = await scene.datagrams("a")
            routes = tuple(PortRoute("udp", port, f"db.{port}", (there,)) for port in (flooded, other))
            await scene.listeners.take(RelayState((HERE,), routes))
            quiet = [await DatagramClient.to(other) for _ in range(3)]
            for client in quiet:
                await client.ask("1")
            kept = list(scene.sessions._sessions.values())[1:]
            for number in range(8):
                await (await DatagramClient.to(flooded)).ask(str(number))
            found = list(scene.sessions._sessions.values())
            self.assertEqual((found[:2], len(found)), (kept, 4))
            scene.close()
            self.assertEqual(len(scene.sessions), 0)

        self.play(scenario())

    def test_idle(self) -> None:
        """A session without datagrams ends, one that is used does not."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, await scene.datagrams("a"), protocol="udp")
            idle, busy = await DatagramClient.to(port), await DatagramClient.to(port)
            await idle.ask("1")
            first = asyncio.get_running_loop().time()
            await busy.ask("2")
            scene.sessions.end_idle(first - 1 + IDLE)
            self.assertEqual(len(scene.sessions), 2)
            scene.sessions.end_idle(first + IDLE)
            self.assertEqual(len(scene.sessions), 1)
            self.assertEqual(await busy.ask("3"), "a 3")
            self.assertEqual(await idle.ask("4"), "a 4")
            scene.close()

        self.play(scenario())

    def test_quiet(self) -> None:
        """A session in which the instance has answered for a while may be quiet for longer; others may not."""

        async def scenario() -> None:
            scene, (port, one_way) = RelayScene(), (free_port(), free_port())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
                silent.bind((HERE, 0))
                places = (port, await scene.datagrams("a")), (one_way, Destination(*silent.getsockname()))
                routes = (PortRoute("udp", number, "db.app", (place,)) for number, place in places)
                await scene.listeners.take(RelayState((HERE,), tuple(routes)))
                game, short, log = [await DatagramClient.to(number) for number in (port, port, one_way)]
                log.transport.sendto(b"line")
                await short.ask("1")
                await game.ask("2")
                while len(scene.sessions) < 3:
                    await asyncio.sleep(0.01)
                for session in scene.sessions._sessions.values():
                    if session.client[1] != short.transport.get_extra_info("sockname")[1]:
                        session.begun -= LASTING + 1
                now = asyncio.get_running_loop().time()
                scene.sessions.end_idle(now + IDLE)
                self.assertEqual([one.port.choice.route.port for one in scene.sessions._sessions.values()], [port])
                scene.sessions.end_idle(now + IDLE_LASTING)
                self.assertEqual(len(scene.sessions), 0)
            scene.close()

        self.play(scenario())
