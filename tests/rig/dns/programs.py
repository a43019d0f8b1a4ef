"""The DNS of an agent in this process, asked by ``dig`` and by hostile senders."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
from typing import Any

import dns.flags
import dns.message
import dns.rrset
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer
from tests.build.dns_samples import sample_zone
from tests.build.ports import free_port
from tests.rig.dns.upstream import Upstream

GREEDY = "127.0.0.4"

FORGED = "127.9"
"""The first half of addresses that a forger may use."""

ALLOWED = [ipaddress.ip_network(network) for network in ("127.0.0.1/32", f"{GREEDY}/32", f"{FORGED}.0.0/16")]


class NoTime:
    """The reactor, on whose clock no time passes; its delayed calls come when they would otherwise."""

    def __init__(self) -> None:
        self._now = reactor.seconds()

    def seconds(self) -> float:
        return self._now

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class DnsTestCase(TestCase):
    """A server at 127.0.0.1 and 127.0.0.2 on one free port. ``reactor`` is the one that it has."""

    timeout = 60
    reactor: Any = reactor

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.upstream = Upstream(reactor)
        self.addCleanup(self.upstream.stop)
        self.server = await self.start()
        self.addCleanup(self.server.stopService)
        self.server.publish(sample_zone())
        self.port = self.server.bound[0].port

    async def start(self) -> DnsServer:
        """A running server; when somebody takes one of its four sockets first, on another port."""
        for _ in range(20):
            server = DnsServer(
                self.reactor,
                listen=[Endpoint("0.0.0.0", free_port("0.0.0.0"))],
                allow=ALLOWED,
                servers=NameServers((self.upstream.endpoint,)),
                host_addresses=lambda: frozenset({"127.0.0.1", "127.0.0.2"}),
            )
            server.privilegedStartService()
            server.startService()
            if len(server.bound) == 2:
                return server
            await server.stopService()
        raise AssertionError("no port was free at both addresses for UDP and TCP")

    async def run_program(self, program: str, *arguments: str) -> tuple[str, int]:
        """The standard output of a program, and its exit status."""
        path = shutil.which(program)
        if path is None:
            if os.environ.get("CI"):
                self.fail(f"{program} is not installed")
            raise SkipTest(f"{program} is not installed")
        out, _, code = await getProcessOutputAndValue(path, arguments, env={"PATH": os.environ["PATH"]})
        return out.decode(), code


class DigTestCase(DnsTestCase):
    """``dig``, which also complains about malformed messages and answers from elsewhere."""

    async def dig(self, *arguments: str, server: str = "127.0.0.1") -> str:
        where = [f"@{server}", "-p", str(self.port), "+tries=1", "+time=5", "+nocookie"]
        out, code = await self.run_program("dig", *where, *arguments)
        self.assertEqual(0, code, out)
        self.assertNotRegex(out, r"(?i)malformed|unexpected|mismatch|garbage|timed out")
        return out

    async def short(self, *arguments: str) -> list[str]:
        return (await self.dig("+short", *arguments)).split("\n")[:-1]

    def status(self, out: str) -> str:
        """The response code and the flags."""
        found = re.search(r"status: (\w+).*\n;; flags: ([a-z ]+);", out)
        assert found is not None, out
        return f"{found[1]} {found[2]}"


class Sender(DatagramProtocol):
    """Sends packets, and a last one whose answer shows that all before it were read."""

    noisy = False
    transport: Any
    LAST = dns.message.make_query("container", "SOA", id=0xFFFF).to_wire()

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._received: list[bytes] = []
        self._done: Deferred[list[bytes]] = Deferred()

    def send(self, packets: list[bytes]) -> Deferred[list[bytes]]:
        """Fires with what came back to ``packets``."""
        self._received, self._done = [], Deferred()
        for packet in [*packets, self.LAST]:
            self.transport.write(packet, self._server)
        return self._done

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        if data[:2] == self.LAST[:2]:
            self._done.callback(self._received)
        else:
            self._received.append(data)
