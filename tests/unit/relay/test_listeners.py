"""The ports of a relay: each by itself, opened and closed as the routes say."""

from __future__ import annotations

import asyncio
import socket

from daprdockr.relay.message import PortRoute, RelayState
from tests.build.ports import free_port
from tests.build.relaying import HERE, Client, DatagramClient, RelayCase, RelayScene


class ListenerTests(RelayCase):
    def test_taken_port(self) -> None:
        """A port that another program holds is named; all others serve, and it follows once it is free."""

        async def scenario() -> None:
            scene, free, taken = RelayScene(), free_port(), free_port()
            there = await scene.instance("a")
            other = await asyncio.start_server(lambda reader, writer: writer.close(), HERE, taken)
            routes = tuple(PortRoute("tcp", port, "db.app", (there,)) for port in (taken, free))
            await scene.listeners.take(RelayState((HERE,), routes))
            self.assertEqual(scene.listeners.troubles, {("tcp", taken): f"{HERE}:{taken}: another program holds it"})
            self.assertEqual(await (await Client.to(free)).ask("x"), "a x")
            other.close()
            await other.wait_closed()
            await scene.listeners.retry()
            self.assertEqual(scene.listeners.troubles, {})
            self.assertEqual(await (await Client.to(taken)).ask("y"), "a y")
            scene.close()

        self.play(scenario())

    def test_taken_while_others_are_bound(self) -> None:
        """A port that is still taken is named all the while in which another one is bound at last."""

        async def scenario() -> None:
            scene, free, taken = RelayScene(), free_port(), free_port()
            routes = tuple(PortRoute("tcp", port, "db.app") for port in (free, taken))
            with socket.create_server((HERE, taken)):
                with socket.create_server((HERE, free)):
                    await scene.listeners.take(RelayState((HERE,), routes))
                trying = asyncio.ensure_future(scene.listeners.retry())
                while not trying.done():
                    self.assertIn(("tcp", taken), scene.listeners.troubles)
                    await asyncio.sleep(0)
            self.assertEqual(list(scene.listeners.troubles), [("tcp", taken)])
            scene.close()

        self.play(scenario())

    def test_given_up(self) -> None:
        """Ports that were bound before a change was given up, since it took too long, are no trouble to the next."""

        async def scenario() -> None:
            scene, ports = RelayScene(), [free_port() for _ in range(3)]
            there = await scene.instance("a")
            state = RelayState((HERE,), tuple(PortRoute("tcp", port, "db.app", (there,)) for port in ports))
            taking = asyncio.ensure_future(scene.listeners.take(state))
            await asyncio.sleep(0)
            taking.cancel()
            await asyncio.wait([taking])
            await scene.listeners.take(state)
            self.assertEqual(scene.listeners.troubles, {})
            for port in ports:
                self.assertEqual(await (await Client.to(port)).ask("x"), "a x")
            scene.close()

        self.play(scenario())

    def test_taken_by_udp(self) -> None:
        """A UDP port that is taken is named as well; TCP of the same number is another port."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            tcp, udp = await scene.instance("t"), await scene.datagrams("u")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("0.0.0.0", port))
                routes = (PortRoute("tcp", port, "db.app", (tcp,)), PortRoute("udp", port, "db.app", (udp,)))
                await scene.listeners.take(RelayState((HERE,), routes))
                self.assertEqual(list(scene.listeners.troubles), [("udp", port)])
                self.assertEqual(await (await Client.to(port)).ask("x"), "t x")
            await scene.listeners.retry()
            self.assertEqual(await (await DatagramClient.to(port)).ask("y"), "u y")
            scene.close()

        self.play(scenario())

    def test_no_longer_a_route(self) -> None:
        """A port that is no route any more is closed; connections over it go on."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            await scene.lead(port, await scene.instance("a"))
            kept = await Client.to(port)
            await kept.ask("1")
            await scene.listeners.take(RelayState((HERE,), ()))
            with self.assertRaises(ConnectionRefusedError):
                await Client.to(port)
            self.assertEqual(await kept.ask("2"), "a 2")
            scene.close()

        self.play(scenario())

    def test_addresses(self) -> None:
        """Each port is open on each address, and on no other; an address that this host does not have is named."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            routes = (PortRoute("tcp", port, "db.app", (await scene.instance("a"),)),)
            await scene.listeners.take(RelayState(("127.0.0.2", "192.0.2.1", "::1"), routes))
            self.assertEqual(
                scene.listeners.troubles, {("tcp", port): f"192.0.2.1:{port}: Cannot assign requested address"}
            )
            with self.assertRaises(ConnectionRefusedError):
                await Client.to(port)
            await scene.listeners.take(RelayState((HERE,), routes))
            self.assertEqual(await (await Client.to(port)).ask("x"), "a x")
            scene.close()

        self.play(scenario())
