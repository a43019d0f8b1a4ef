"""A real relay: connections survive changes and agents, known routes survive everything."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.names import client, dns, server

from daprdockr.proxy.ports import PortRouting
from daprdockr.relay.message import Destination
from tests.build.ports import free_port
from tests.rig.nginx_here import running, until
from tests.rig.relay_here import HERE, RelayProcessCase


class OneAddress:
    """Answers every query with one address."""

    def query(self, query: dns.Query, timeout: Any = None) -> Any:
        answer = dns.RRHeader(query.name.name, dns.A, payload=dns.Record_A("192.0.2.7"))
        return succeed(([answer], [], []))


class ServingTests(RelayProcessCase):
    """Routes in force."""

    async def test_kept_connection(self) -> None:
        """A connection to an instance that stays survives fifty changes of all others, in the same relay."""
        relay = self.relay()
        stays, others = self.instance("stays"), [self.instance(name) for name in ("a", "b")]
        await self.published(relay, self.route(stays))
        pid, kept = relay.pid, await self.connect()
        for number in range(50):
            await self.published(relay, self.route(stays, others[number % 2]))
            self.assertEqual(await deferToThread(kept.ask, str(number)), f"stays {number}")
        self.assertTrue(await self.answers("b"))
        await self.published(relay, self.route(others[0]))
        self.assertEqual(await deferToThread(kept.ask, "last"), "stays last")
        self.assertTrue(await self.answers("a"))
        self.assertEqual(relay.pid, pid)

    async def test_taken_port(self) -> None:
        """A port that another program holds is an event, and all other routes are served."""
        relay, taken = self.relay(), free_port()
        with socket.create_server(("", taken)):
            instance = self.instance("a")
            await self.published(relay, self.route(instance), self.route(instance, port=taken))
            self.assertTrue(await self.answers("a"))
            await until(lambda: self.told)
        port = f"port {taken}/tcp is not served on this node at {HERE}:{taken}: another program holds it"
        self.assertEqual(self.told, [("db.app", port)])
        self.assertIsNone(relay.condition)

    async def test_dns(self) -> None:
        """A DNS server answers over its UDP route."""
        protocol = dns.DNSDatagramProtocol(server.DNSServerFactory(clients=[OneAddress()]))
        udp: Any = reactor
        listening = udp.listenUDP(0, protocol, interface=HERE)
        self.addCleanup(listening.stopListening)
        port = free_port()
        destination = Destination(HERE, listening.getHost().port)
        await self.published(self.relay(), self.route(destination, port=port, protocol="udp"))
        resolver = client.Resolver(servers=[(HERE, port)], timeout=(5, 5, 5))
        for number in range(3):
            found, _, _ = await resolver.lookupAddress(f"n{number}.example.com")
            self.assertEqual(found[0].payload.dottedQuad(), "192.0.2.7")


class LeavingTests(RelayProcessCase):
    """The state that an agent or a relay leaves when it ends, and its adoption by the next one."""

    async def test_adopted(self) -> None:
        """The next agent adopts the relay; a connection notices nothing, and routes stay until it knows better."""
        former = self.relay(leave_running=True)
        await self.published(former, self.route(self.instance("a")))
        pid, kept = former.pid, await self.connect()
        assert pid is not None
        self.assertEqual((await deferToThread(kept.ask, "1"), os.getsid(pid)), ("a 1", pid))
        self.assertEqual(Path(f"/proc/{pid}/comm").read_text(), "daprd-relay\n")
        await until(former.files.routes.exists)
        former.stopService()
        self.assertEqual(await deferToThread(kept.ask, "2"), "a 2")
        self.assertTrue(await self.answers("a"))

        relay = self.relay()
        await until(lambda: relay.pid == pid)
        self.assertEqual(await deferToThread(kept.ask, "3"), "a 3")
        await self.published(relay, self.route(self.instance("b")))
        self.assertEqual(await deferToThread(kept.ask, "4"), "a 4")
        self.assertTrue(await self.answers("b"))
        await self.end(relay)
        self.assertFalse(running(pid))

    async def test_killed_relay(self) -> None:
        """A relay that is killed is started again, and serves the same routes."""
        relay = self.relay()
        await self.published(relay, self.route(self.instance("a")))
        pid = relay.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: relay.pid not in (pid, None))
        await self.answers_at_last(relay, "a")
        await until(lambda: relay.condition is None)

    async def test_both_killed(self) -> None:
        """When nothing is left, as after a boot, the last known routes are served before the agent knows any."""
        former = self.relay(leave_running=True)
        await self.published(former, self.route(self.instance("a")))
        await until(former.files.routes.exists)
        pid = former.pid
        assert pid is not None
        former.stopService()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not running(pid))
        relay = self.relay(sure=False)
        await self.answers_at_last(relay, "a")
        self.assertNotEqual(relay.pid, pid)
        await deferLater(reactor, 1.0)  # by now the agent would have sent what it has
        self.assertTrue(await self.answers("a"))

    async def test_socket_removed(self) -> None:
        """A relay whose unix socket was removed makes another one: connections go on, and routes change again."""
        relay = self.relay()
        await self.published(relay, self.route(self.instance("a")))
        pid, kept = relay.pid, await self.connect()
        await deferToThread(kept.ask, "1")
        relay.files.socket.unlink()
        relay.publish(PortRouting((self.route(self.instance("b")),)))
        await self.answers_at_last(relay, "b")
        self.assertEqual((await deferToThread(kept.ask, "2"), relay.pid), ("a 2", pid))
