"""
The DNS of an agent as the programs people use see it: dig, BusyBox's and BIND's nslookup, and hostile senders.

The server runs in this process on a free port of loopback addresses, with an upstream of our own behind it.
"""

from __future__ import annotations

import random
import re
import socket
import struct

import dns.flags
import dns.message
import dns.rrset
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher

from daprdockr.dns.forwarding.waiting import MAX_OPEN
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from daprdockr.model.names import ServiceName
from tests.build.dns_samples import running, sample_zone
from tests.rig.dns.programs import FORGED, GREEDY, DigTestCase, DnsTestCase, NoTime, Sender
from tests.rig.dns.upstream import address_reply


class DigTests(DigTestCase):
    """Somebody asks who is allowed to have names forwarded."""

    async def test_addresses(self) -> None:
        """Instances, services and groups answer with addresses, by UDP and TCP, with and without EDNS."""
        for way in ("+notcp", "+tcp", "+noedns", "+norecurse", "+bufsize=512", "+bufsize=4096", "+dnssec"):
            self.assertEqual(["10.0.0.1"], await self.short("1.web.myapp.container", way))
            self.assertEqual(["fd00::1"], await self.short("web.myapp.container", "AAAA", way))
            self.assertEqual(["10.0.0.1", "10.0.0.2"], sorted(await self.short("myapp.container", way)))

    async def test_rotation(self) -> None:
        """Every address comes first at some time."""
        firsts: set[str] = set()
        while len(firsts) < 2:
            firsts.add((await self.short("web.myapp.container"))[0])
        self.assertEqual({"10.0.0.1", "10.0.0.2"}, firsts)

    async def test_ports(self) -> None:
        """A port answers with the host's port and the address of its target."""
        out = await self.dig("_8080._tcp.1.web.myapp.container", "SRV")
        self.assertRegex(out, r"SRV\s+0 1 32001 1\.web\.myapp\.container\.")
        self.assertRegex(out, r"ADDITIONAL SECTION:\n1\.web\.myapp\.container\.\s+0\s+IN\s+A\s+10\.0\.0\.1")

    async def test_negative(self) -> None:
        """Absent names are NXDOMAIN, absent types NOERROR, both with the SOA and the AA flag."""
        for name, kind, status in [("no.container", "A", "NXDOMAIN"), ("2.web.myapp.container", "AAAA", "NOERROR")]:
            out = await self.dig(name, kind)
            self.assertEqual(f"{status} qr aa rd ra", self.status(out))
            self.assertRegex(out, r"AUTHORITY SECTION:\ncontainer\.\s+1\s+IN\s+SOA")

    async def test_next_query(self) -> None:
        """A zone that was published is in the answer to the next query."""
        for number in range(1, 6):
            zone = sample_zone().replace(ServiceName.parse("x.y"), [running("1.x.y", f"10.0.1.{number}")])
            self.server.publish(zone)
            self.assertEqual([f"10.0.1.{number}"], await self.short("1.x.y.container"))

    async def test_large(self) -> None:
        """A client repeats a query by TCP when the answer is too long for UDP, without an option for that."""
        ones = [running(f"{n}.web.crowd", f"10.1.0.{n}", Port(80, "tcp", 1000 + n)) for n in range(1, 201)]
        self.server.publish(Zone.of(ones, serial=1))
        out = await self.dig("80.tcp.web.crowd.container", "SRV")
        self.assertEqual(200, out.count("IN\tSRV") - 1)
        self.assertIn("(TCP)", out)
        self.assertIn(" tc", self.status(await self.dig("80.tcp.web.crowd.container", "SRV", "+ignore")))

    async def test_edns_compliance(self) -> None:
        """The questions of the EDNS compliance tests (RFC 8906 section 8) have the answers they expect."""
        expected = {
            ("+noedns",): "NOERROR qr aa ra",
            ("+edns=0",): "NOERROR qr aa ra",
            ("+edns=1", "+noednsneg"): "BADVERS qr ra",
            ("+edns=0", "+ednsopt=100"): "NOERROR qr aa ra",
            ("+edns=0", "+ednsflags=0x80"): "NOERROR qr aa ra",
            ("+edns=1", "+noednsneg", "+ednsopt=100"): "BADVERS qr ra",
            ("+dnssec",): "NOERROR qr aa ra",
            ("+noedns", "+zflag"): "NOERROR qr aa ra",
            ("+noedns", "+noad", "+header-only"): "FORMERR qr ra",
            ("+noedns", "+opcode=15", "+header-only"): "NOTIMP qr ra",
        }
        for arguments, status in expected.items():
            out = await self.dig("+norecurse", *arguments, "container", "SOA")
            self.assertEqual(status, self.status(out), arguments)
            self.assertNotIn("OPT=100", out)
            self.assertNotIn("MBZ", out)

    async def test_refused(self) -> None:
        """Other classes and transfers are refused."""
        self.assertEqual("REFUSED qr rd ra", self.status(await self.dig("CH", "version.bind", "TXT")))
        out = await self.dig("container", "AXFR")
        self.assertIn("Transfer failed", out)

    async def test_any(self) -> None:
        """ANY gets one set of records by UDP and by TCP."""
        for way in ("+notcp", "+tcp"):
            out = await self.dig("1.web.myapp.container", "ANY", way)
            self.assertEqual("NOERROR qr aa rd ra", self.status(out))
            self.assertIn("ANSWER: 1,", out)

    async def test_pipelining(self) -> None:
        """Several questions on one TCP connection are all answered."""
        out = await self.dig("+tcp", "+keepopen", "+short", "1.web.myapp.container", "+tcp", "2.web.myapp.container")
        self.assertEqual(["10.0.0.1", "10.0.0.2"], out.split())

    async def test_forwarded(self) -> None:
        """Other names come from the upstream the first time, and from the cache from then on, by UDP and TCP."""
        for way in ("+notcp", "+tcp", "+noedns"):
            out = await self.dig("www.example.com", way)
            self.assertEqual("NOERROR qr rd ra", self.status(out))
            self.assertRegex(out, r"www\.example\.com\.\s+(60|5\d)\s+IN\s+A\s+10\.0\.0\.1")
        self.assertEqual(1, len(self.upstream.queries))

    async def test_forwarded_large(self) -> None:
        """A long reply is fetched by TCP and passed on as each client can take it."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            reply = address_reply(query, 300)
            if not stream:
                reply.answer.clear()
                reply.flags |= dns.flags.TC
            return [reply.to_wire(max_size=65535)]

        self.upstream.rule = rule
        self.assertEqual(300, len(await self.short("www.example.com")))
        self.assertEqual("NOERROR qr tc rd ra", self.status(await self.dig("www.example.com", "+ignore")))
        self.assertEqual([False, True], [stream for _, stream, _ in self.upstream.queries])

    async def test_forwarded_with_others(self) -> None:
        """Records of an upstream beyond the question are not passed on, and neither is its AD flag."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            reply = address_reply(query)
            foreign = dns.rrset.from_text("www.bank.example.", 60, "IN", "A", "203.0.113.6")
            reply.answer.insert(0, foreign)
            reply.additional.append(foreign)
            reply.authority.append(dns.rrset.from_text("com.", 60, "IN", "NS", "ns.evil.example."))
            reply.flags |= dns.flags.AD
            return [reply.to_wire()]

        self.upstream.rule = rule
        for _ in range(2):
            out = await self.dig("www.example.com", "+adflag")
            self.assertEqual("NOERROR qr rd ra", self.status(out))
            self.assertRegex(out, r"www\.example\.com\.\s+\d+\s+IN\s+A\s+10\.0\.0\.1")
            self.assertNotRegex(out, "bank|evil")
        self.assertEqual(dns.flags.RD, self.upstream.queries[0][0].flags)

    async def test_slow_upstream(self) -> None:
        """An upstream that takes two seconds for every reply is waited for, without a second question."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            port = self.upstream.queries[-1][2]
            reply = address_reply(query).to_wire()
            replies.append(deferLater(reactor, 2.2, self.upstream.transport.write, reply, ("127.0.0.1", port)))
            return []

        replies: list[Deferred[None]] = []
        self.upstream.rule = rule
        self.assertEqual("NOERROR qr rd ra", self.status(await self.dig("www.example.com")))
        self.assertEqual(1, len({port for _, _, port in self.upstream.queries}))
        await gatherResults(replies)

    async def test_not_allowed(self) -> None:
        """A client for which no names are forwarded is refused, and still gets the names of the zone."""
        out = await self.dig("-b", "127.0.0.3", "www.example.com", server="127.0.0.2")
        self.assertEqual("REFUSED qr rd", self.status(out))
        out = await self.dig("-b", "127.0.0.3", "1.web.myapp.container", server="127.0.0.2")
        self.assertEqual("NOERROR qr aa rd", self.status(out))
        self.assertEqual([], self.upstream.queries)


class CrowdTests(DigTestCase):
    """Questions by the hundred, in no time: after a second one that is open may give up its place."""

    reactor = NoTime()

    async def test_greedy_client(self) -> None:
        """Hundreds of questions of one client that stay without a reply leave room for another one's."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            return [] if "silent" in str(query.question[0].name) else [address_reply(query).to_wire()]

        self.upstream.rule = rule
        greedy = Sender(("127.0.0.1", self.port))
        port = reactor.listenUDP(0, greedy, interface=GREEDY)  # type: ignore[attr-defined]  # IReactorUDP
        self.addCleanup(port.stopListening)
        for start in range(0, 2 * MAX_OPEN, 50):
            names = [f"{number}.silent.example.com" for number in range(start, start + 50)]
            await greedy.send([dns.message.make_query(name, "A", id=1).to_wire() for name in names])
        self.assertEqual(MAX_OPEN, self.server.counts["asked"])
        for number in range(3):
            out = await self.dig(f"{number}.example.com")
            self.assertEqual("NOERROR qr rd ra", self.status(out))

    async def test_forged_sources(self) -> None:
        """Questions that seem to come from as many clients leave room for one that really asks."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            return [] if "silent" in str(query.question[0].name) else [address_reply(query).to_wire()]

        self.upstream.rule = rule
        sender = Sender(("127.0.0.1", self.port))
        port = reactor.listenUDP(0, sender, interface="127.0.0.1")  # type: ignore[attr-defined]  # IReactorUDP
        self.addCleanup(port.stopListening)
        for number in range(MAX_OPEN + 50):
            forged = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(forged.close)
            forged.bind((f"{FORGED}.{number // 250}.{1 + number % 250}", 0))
            packet = dns.message.make_query(f"{number}.silent.example.com", "A", id=1).to_wire()
            forged.sendto(packet, ("127.0.0.1", self.port))
            if number % 50 == 49:
                await sender.send([])
        self.assertEqual(MAX_OPEN, self.server.counts["asked"])
        self.assertIn("retrying in TCP mode", await self.dig("0.example.com"))
        for number in range(3):
            self.assertEqual("NOERROR qr rd ra", self.status(await self.dig(f"{number}.example.com")))


class ClientTests(DnsTestCase):
    """Other clients."""

    async def test_busybox(self) -> None:
        """BusyBox asks for A and AAAA at once and shows both; a missing type is no error to it."""
        server = f"127.0.0.1:{self.port}"
        out, code = await self.run_program("busybox", "nslookup", "1.web.myapp.container", server)
        self.assertEqual(0, code, out)
        self.assertEqual(["10.0.0.1", "fd00::1"], re.findall(r"^Address: (\S+)$", out, re.M))
        out, code = await self.run_program("busybox", "nslookup", "2.web.myapp.container", server)
        self.assertEqual(0, code, out)
        out, code = await self.run_program("busybox", "nslookup", "no.container", server)
        self.assertIn("NXDOMAIN", out)

    async def test_nslookup(self) -> None:
        """BIND's nslookup finds a service."""
        port = f"-port={self.port}"
        out, code = await self.run_program("nslookup", port, "web.myapp.container", "127.0.0.2")
        self.assertEqual(0, code, out)
        self.assertEqual({"10.0.0.1", "10.0.0.2", "fd00::1"}, set(re.findall(r"^Address: (\S+)$", out, re.M)))


class HostileTests(DnsTestCase):
    """Hostile packets of any form."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.sender = Sender(("127.0.0.1", self.port))
        port = reactor.listenUDP(0, self.sender, interface="127.0.0.1")  # type: ignore[attr-defined]  # IReactorUDP
        self.addCleanup(port.stopListening)

    async def send(self, packets: list[bytes]) -> list[bytes]:
        """Send in bursts that the socket's buffer holds; returns what came back."""
        received: list[bytes] = []
        for start in range(0, len(packets), 50):
            received += await self.sender.send(packets[start : start + 50])
        return received

    async def test_junk(self) -> None:
        """Thousands of random, mutated and cut packets cause no exception, no line in the log, no odd answer."""
        chance = random.Random(4)
        whole = dns.message.make_query("8080.tcp.web.myapp.container", "SRV", use_edns=0, id=1).to_wire()
        packets = []
        for _ in range(1000):
            packets.append(b"\0\1" + chance.randbytes(chance.randrange(200)))
            mutated = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                mutated[chance.randrange(2, len(mutated))] = chance.randrange(256)
            packets += [bytes(mutated), whole[: chance.randrange(2, len(whole))]]
        seen = EventLoggingObserver()
        globalLogPublisher.addObserver(seen)
        try:
            received = await self.send(packets)
        finally:
            globalLogPublisher.removeObserver(seen)
        self.assertEqual([], list(seen))
        self.assertTrue(received)
        for packet in received:
            dns.message.from_wire(packet)

    async def test_ping_pong(self) -> None:
        """Packets that are answers are not answered, so no packet goes round and round."""
        answers = [struct.pack("!6H", 1, flags, 0, 0, 0, 0) for flags in range(0x8000, 0x10000, 0x100)]
        self.assertEqual([], await self.send(answers))
        self.assertEqual(len(answers), self.server.counts["dropped"])
