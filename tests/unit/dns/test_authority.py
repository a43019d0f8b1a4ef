"""
Packets in, packets out: ``authority``, ``answer``, ``reply`` and ``protocols`` through the real protocol classes.

The replies are read by dnspython, which shares no code with us.
"""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.answer import MAX_TARGETS
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from tests.build.dns_samples import (
    STRANGER,
    Nameserver,
    connected,
    framed,
    over_stream,
    question,
    running,
    said,
    sample_zone,
    unframed,
)

SOA = "container. 1 SOA a.ns.dns.container. hostmaster.container. 7 3600 600 86400 1"
FOUND = "NOERROR AA RD RA"
ABSENT = ["NXDOMAIN AA RD RA", f"N {SOA}"]
NOTHING = ["NOERROR AA RD RA", f"N {SOA}"]
REFUSED = ["REFUSED RD RA"]
WEB_SRV = [
    "A 8080.tcp.web.myapp.container. 0 SRV 0 1 32001 1.web.myapp.container.",
    "A 8080.tcp.web.myapp.container. 0 SRV 0 1 32003 2.web.myapp.container.",
    "X 1.web.myapp.container. 0 A 10.0.0.1",
    "X 1.web.myapp.container. 0 AAAA fd00::1",
    "X 2.web.myapp.container. 0 A 10.0.0.2",
]

# name, type, answer
TABLE: list[tuple[str, str, list[str]]] = [
    ("1.web.myapp.container", "A", [FOUND, "A 1.web.myapp.container. 0 A 10.0.0.1"]),
    ("1.web.myapp.container", "AAAA", [FOUND, "A 1.web.myapp.container. 0 AAAA fd00::1"]),
    ("2.web.myapp.container", "AAAA", NOTHING),
    ("1.web.myapp.container", "TXT", NOTHING),
    ("1.web.myapp.container", "HTTPS", NOTHING),
    ("1.web.myapp.container", "CAA", NOTHING),
    ("1.web.myapp.container", "TYPE65280", NOTHING),
    ("1.web.myapp.container", "DS", NOTHING),
    ("1.web.myapp.container", "CNAME", NOTHING),
    ("3.web.myapp.container", "A", ABSENT),
    ("4.web.myapp.container", "A", ABSENT),
    (
        "web.myapp.container",
        "A",
        [FOUND, "A web.myapp.container. 0 A 10.0.0.1", "A web.myapp.container. 0 A 10.0.0.2"],
    ),
    ("myapp.container", "AAAA", [FOUND, "A myapp.container. 0 AAAA fd00::1"]),
    ("idle.quiet.container", "A", NOTHING),
    ("quiet.container", "A", NOTHING),
    ("nope.container", "A", ABSENT),
    ("nope.container", "SRV", ABSENT),
    ("8080.tcp.web.myapp.container", "SRV", [FOUND, *WEB_SRV]),
    (
        "_53._udp.1.web.myapp.container",
        "SRV",
        [
            FOUND,
            "A _53._udp.1.web.myapp.container. 0 SRV 0 1 32002 1.web.myapp.container.",
            *WEB_SRV[2:4],
        ],
    ),
    ("8080.tcp.web.myapp.container", "A", NOTHING),
    ("tcp.web.myapp.container", "SRV", NOTHING),
    ("_tcp.1.web.myapp.container", "A", NOTHING),
    ("81.tcp.web.myapp.container", "SRV", ABSENT),
    ("container", "SOA", [FOUND, f"A {SOA}"]),
    (
        "container",
        "NS",
        [
            FOUND,
            "A container. 60 NS a.ns.dns.container.",
            "X a.ns.dns.container. 60 A 10.0.0.9",
            "X a.ns.dns.container. 60 AAAA fd00::9",
        ],
    ),
    ("container", "A", NOTHING),
    ("container", "DNSKEY", NOTHING),
    ("a.ns.dns.container", "A", [FOUND, "A a.ns.dns.container. 60 A 10.0.0.9"]),
    ("ns.dns.container", "A", NOTHING),
    ("container", "ANY", [FOUND, f"A {SOA}"]),
    ("1.web.myapp.container", "ANY", [FOUND, "A 1.web.myapp.container. 0 A 10.0.0.1"]),
    ("quiet.container", "ANY", NOTHING),
    ("container", "AXFR", REFUSED),
    ("container", "IXFR", REFUSED),
    ("1.web.myapp.container", "AXFR", REFUSED),
    # One label with a dot in it is not the two labels of a name that exists.
    ("1\\.web.myapp.container", "A", ABSENT),
    ("a\\.ns.dns.container", "A", ABSENT),
    ("\\000\\255.myapp.container", "A", ABSENT),
]


class AnswerTests(SynchronousTestCase):
    """Names of the zone."""

    def test_table(self) -> None:
        """Each question has the answer the contract says, with and without EDNS."""
        nameserver = Nameserver()
        for name, kind, expected in TABLE:
            for edns in (False, 0):
                answer = nameserver.ask(question(name, kind, edns=edns))
                self.assertEqual(expected, said(answer), f"{name} {kind}")
                self.assertEqual(-1 if edns is False else 0, answer.edns)

    def test_table_over_streams(self) -> None:
        """The same over TCP."""
        nameserver = Nameserver()
        for name, kind, expected in TABLE:
            query = question(name, kind)
            stream, transport = connected(nameserver)
            stream.dataReceived(framed(query.to_wire()))
            (packet,) = unframed(transport.value())
            self.assertEqual(expected, said(dns.message.from_wire(packet)), f"{name} {kind}")

    def test_case(self) -> None:
        """Names are found in any case, and come back in the case they were asked in, the zone's too."""
        nameserver = Nameserver()
        for name in ("1.WEB.MyApp.CONTAINER", "NoPe.cOnTaInEr", "8080.TCP.web.MYAPP.container"):
            (packet,) = nameserver.send(question(name, "SRV" if "TCP" in name else "A").to_wire())
            answer = dns.message.from_wire(packet)
            self.assertEqual(f"{name}.", str(answer.question[0].name))
            for rrset in answer.answer:
                self.assertEqual(f"{name}.", str(rrset.name))
            for rrset in answer.authority:
                self.assertEqual("cOnTaInEr.", str(rrset.name))

    def test_rotation(self) -> None:
        """The order of an answer follows the number it is rotated by, whether or not the reply was finished before."""
        nameserver = Nameserver()
        nameserver.rotation = 1
        answer = said(nameserver.ask(question("web.myapp.container")))
        self.assertEqual("A web.myapp.container. 0 A 10.0.0.2", answer[1])
        for nameserver.rotation, first in [(1, "32003"), (0, "32001"), (7, "32003")]:
            answer = said(nameserver.ask(question("8080.tcp.web.myapp.container", "SRV")))
            self.assertIn(first, answer[1])
            self.assertEqual(5, len(answer) - 1)

    def test_next_query(self) -> None:
        """A change is in the answer to the next query."""
        nameserver = Nameserver()
        self.assertEqual(dns.rcode.NXDOMAIN, nameserver.ask(question("4.web.myapp.container")).rcode())
        zone = sample_zone().replace(ServiceName.parse("web.myapp"), [running("4.web.myapp", "10.0.0.4")])
        nameserver.authority.publish(zone)
        answer = said(nameserver.ask(question("4.web.myapp.container")))
        self.assertEqual([FOUND, "A 4.web.myapp.container. 0 A 10.0.0.4"], answer)
        self.assertIn("hostmaster.container. 8 ", said(nameserver.ask(question("1.web.myapp.container")))[1])

    def test_before_the_first_zone(self) -> None:
        """Before a zone is known, no name is denied."""
        nameserver = Nameserver(published=False)
        self.assertEqual(["SERVFAIL RD RA"], said(nameserver.ask(question("1.web.myapp.container"))))

    def test_strangers(self) -> None:
        """Names of the zone are for everybody; who may not have others forwarded sees no RA flag."""
        answer = Nameserver().ask(question("1.web.myapp.container"), STRANGER)
        self.assertEqual("NOERROR AA RD", said(answer)[0])

    def test_flags(self) -> None:
        """RD comes back as it was, and no other flag of the query does."""
        nameserver = Nameserver()
        flags = {0: "AA RA", dns.flags.RD: "AA RD RA", dns.flags.CD: "AA RA", dns.flags.AD: "AA RA", 0x40: "AA RA"}
        for sent, expected in flags.items():
            answer = nameserver.ask(question("1.web.myapp.container", flags=sent))
            self.assertEqual(f"NOERROR {expected}", said(answer)[0])


class MessageTests(SynchronousTestCase):
    """Messages, apart from the names in them."""

    def setUp(self) -> None:
        self.nameserver = Nameserver()

    def test_classes(self) -> None:
        """Other classes than IN are refused, inside and outside of the zone."""
        for name, kind, klass in [("version.bind", "TXT", "CH"), ("container", "SOA", "CH"), ("container", "A", "ANY")]:
            self.assertEqual(REFUSED, said(self.nameserver.ask(question(name, kind, klass=klass))))
        self.assertEqual(3, self.nameserver.authority.counts.refused)

    def test_opcodes(self) -> None:
        """Other opcodes than QUERY are not implemented, and the answer is marked as one."""
        for opcode in range(1, 16):
            (packet,) = self.nameserver.send(struct.pack("!6H", 9, opcode << 11 | 0x0100, 1, 0, 0, 0))
            self.assertEqual(12, len(packet))
            answer = dns.message.from_wire(packet)
            self.assertEqual((9, opcode, dns.rcode.NOTIMP), (answer.id, answer.opcode(), answer.rcode()))
            self.assertTrue(answer.flags & dns.flags.QR)

    def test_answers_are_not_answered(self) -> None:
        """An answer that arrives is dropped, whatever is in it, or two servers would answer each other endlessly."""
        for flags in range(0x8000, 0x10000, 0x0800):
            self.assertEqual([], self.nameserver.send(struct.pack("!6H", 9, flags, 0, 0, 0, 0)))
        self.assertEqual([], self.nameserver.send(question("container", flags=dns.flags.QR).to_wire()))
        self.assertEqual(17, self.nameserver.authority.counts.dropped)

    def test_our_own_answers(self) -> None:
        """No answer of ours is answered by a server like us."""
        other = Nameserver()
        for packet in (question("1.web.myapp.container").to_wire(), struct.pack("!6H", 9, 0x2800, 0, 0, 0, 0)):
            (answer,) = self.nameserver.send(packet)
            self.assertEqual([], other.send(answer))

    def test_malformed(self) -> None:
        """A query that cannot be read gets FORMERR, in a header alone."""
        whole = question("1.web.myapp.container", edns=0).to_wire()
        for packet in (whole[:20], whole + b"x", struct.pack("!6H", 0x1234, 0x0100, 0, 0, 0, 0)):
            (sent,) = self.nameserver.send(packet)
            self.assertEqual(struct.pack("!6H", 0x1234, 0x8181, 0, 0, 0, 0), sent)
        self.assertEqual(3, self.nameserver.authority.counts.malformed)

    def test_too_short_or_long(self) -> None:
        """A packet shorter than a header, or longer than any datagram we ask for, gets no answer."""
        whole = question("1.web.myapp.container").to_wire()
        for packet in (b"", b"x", whole[:11], whole + 2000 * b"x"):
            self.assertEqual([], self.nameserver.send(packet))

    def test_edns_version(self) -> None:
        """A version of EDNS that does not exist is answered by BADVERS and ours, without records."""
        answer = self.nameserver.ask(question("1.web.myapp.container", edns=1))
        self.assertEqual(["BADVERS RD RA"], said(answer))
        self.assertEqual(0, answer.edns)

    def test_edns(self) -> None:
        """Our own OPT says our size and the client's DO; no option of the client comes back."""
        option = dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"abc")
        for dnssec in (True, False):
            query = question("1.web.myapp.container", edns=0, size=4096, dnssec=dnssec, options=[option])
            answer = self.nameserver.ask(query)
            self.assertEqual((1232, ()), (answer.payload, answer.options))
            self.assertEqual(dns.flags.DO if dnssec else 0, answer.ednsflags)

    def test_unsent(self) -> None:
        """A packet the kernel does not take (to a forged port 0, say) is counted and no error."""
        self.nameserver.transport.refuses = OSError(22, "Invalid argument")
        self.assertEqual([], self.nameserver.send(question("container", "SOA").to_wire()))
        self.assertEqual(1, self.nameserver.authority.counts.unsent)

    @given(st.binary(max_size=300))
    @settings(max_examples=300)
    def test_junk(self, packet: bytes) -> None:
        """Any bytes get no more than one answer, which is a whole message, and leave no line in the log."""
        seen = EventLoggingObserver()
        globalLogPublisher.addObserver(seen)
        try:
            for sent in self.nameserver.send(packet):
                dns.message.from_wire(sent)
        finally:
            globalLogPublisher.removeObserver(seen)
        self.assertEqual(0, len(seen))


def crowd(count: int) -> Zone:
    """A service of so many instances, each on a host of its own."""
    service = ServiceName.parse("web.crowd")
    names = [str(InstanceName(service, number)) for number in range(1, count + 1)]
    ones = [
        running(name, f"10.1.{n // 250}.{n % 250} fd00::{n:x}", Port(80, "tcp", 1000 + n))
        for n, name in enumerate(names)
    ]
    return Zone.of(ones, serial=1)


class SizeTests(SynchronousTestCase):
    """Answers that are too long."""

    def test_truncated(self) -> None:
        """A set that does not fit is left out whole, and TC says so."""
        nameserver = Nameserver(crowd(100))
        for edns, size, limit in [(False, 0, 512), (0, 100, 512), (0, 600, 600), (0, 1232, 1232), (0, 9999, 1232)]:
            query = question("80.tcp.web.crowd.container", "SRV", edns=edns, size=size)
            (packet,) = nameserver.send(query.to_wire())
            answer = dns.message.from_wire(packet)
            self.assertTrue(len(packet) <= limit)
            self.assertEqual("NOERROR AA TC RD RA", said(answer)[0])
            self.assertEqual(([], []), (answer.answer, answer.additional))
            self.assertEqual(edns is not False, answer.edns == 0)

    def test_just_fits(self) -> None:
        """As many records as fit into the datagram are sent, and one more is too many."""
        fits = (512 - 12 - len("?web?crowd?container?") - 4) // 16
        answer = Nameserver(crowd(fits)).ask(question("web.crowd.container"))
        self.assertEqual(fits, len(answer.answer[0]))
        self.assertFalse(answer.flags & dns.flags.TC)
        answer = Nameserver(crowd(fits + 1)).ask(question("web.crowd.container"))
        self.assertTrue(answer.flags & dns.flags.TC)

    def test_additional(self) -> None:
        """Additional sets that do not fit are left out without TC."""
        answer = Nameserver(crowd(8)).ask(question("80.tcp.web.crowd.container", "SRV"))
        self.assertEqual(8, len(answer.answer[0]))
        self.assertFalse(answer.flags & dns.flags.TC)
        self.assertTrue(0 < len(answer.additional) < 16)

    def test_streams(self) -> None:
        """Over TCP the whole set is sent, beyond the reach of compression pointers too."""
        nameserver = Nameserver(crowd(1000))
        answer = over_stream(nameserver, question("80.tcp.web.crowd.container", "SRV"))
        self.assertEqual(1000, len(answer.answer[0]))
        targets = {str(data.target) for data in answer.answer[0]}
        self.assertEqual(1000, len(targets))
        addressed = {str(rrset.name) for rrset in answer.additional}
        self.assertEqual((len(addressed), addressed - targets), (MAX_TARGETS, set()))

    def test_streams_full(self) -> None:
        """An answer too long even for TCP is cut to the records that fit, without TC; others come with rotation."""
        nameserver = Nameserver(crowd(10_000))
        seen = set()
        for nameserver.rotation in (0, 5000):
            answer = over_stream(nameserver, question("web.crowd.container"))
            self.assertFalse(answer.flags & dns.flags.TC)
            self.assertTrue(len(answer.answer[0]) > 4000)
            seen.add(str(answer.answer[0][0]))
        self.assertEqual(2, len(seen))


class ForwardingTests(SynchronousTestCase):
    """Other names."""

    def setUp(self) -> None:
        self.nameserver = Nameserver()

    def upstream_answer(self, query: dns.message.Message) -> bytes:
        """A reply as the forwarder hands it over."""
        lower = dns.message.from_wire(query.to_wire())
        answer = dns.message.make_response(lower, recursion_available=True)
        answer.use_edns(False)
        return answer.to_wire()

    def test_forwarded(self) -> None:
        """Another name is asked of the forwarder; its reply goes to the client with the client's id and case."""
        query = question("Example.COM", edns=0)
        self.assertEqual([], self.nameserver.send(query.to_wire()))
        ((asked, reply),) = self.nameserver.forwarder.asked
        self.assertEqual((b"Example", b"COM"), asked.question.labels)
        reply.callback(self.upstream_answer(question("example.com")))
        ((packet, _),) = self.nameserver.transport.sent
        answer = dns.message.from_wire(packet)
        self.assertEqual(0x1234, answer.id)
        self.assertEqual("Example.COM.", str(answer.question[0].name))
        self.assertEqual(0, answer.edns)

    def test_no_room(self) -> None:
        """A question for which there is no room is cut over UDP, so that it comes again over TCP; there: SERVFAIL."""
        for edns in (False, 0):
            query = question("Example.com", edns=edns)
            self.nameserver.send(query.to_wire())
            self.nameserver.forwarder.asked.pop()[1].callback(None)
            (packet, _) = self.nameserver.transport.sent[-1]
            answer = dns.message.from_wire(packet)
            self.assertTrue(query.is_response(answer))
            self.assertEqual((["NOERROR TC RD RA"], edns is not False), (said(answer), answer.edns == 0))
        stream, transport = connected(self.nameserver)
        stream.dataReceived(framed(question("example.com").to_wire()))
        self.nameserver.forwarder.asked[0][1].callback(None)
        (packet,) = unframed(transport.value())
        self.assertEqual(["SERVFAIL RD RA"], said(dns.message.from_wire(packet)))
        self.assertEqual([False, False, True], [client.proven for client in self.nameserver.forwarder.clients])

    def test_strangers(self) -> None:
        """A client that is not allowed is refused, in IPv6 as in IPv4."""
        for client in (STRANGER, ("2001:db8::1", 4000)):
            answer = self.nameserver.ask(question("example.com"), client)
            self.assertEqual(["REFUSED RD"], said(answer))
            self.assertEqual(["REFUSED RD"], said(self.nameserver.ask(question("localhost"), client)))
        self.nameserver.send(question("example.com").to_wire(), ("fd00::5", 4000))
        self.assertEqual(1, len(self.nameserver.forwarder.asked))

    def test_no_upstreams(self) -> None:
        """Without upstreams other names are refused to everybody."""
        answer = Nameserver(forwards=False).ask(question("example.com"))
        self.assertEqual(["REFUSED RD"], said(answer))

    def test_never_forwarded(self) -> None:
        """Names that are ours or special are never forwarded."""
        for name in ("nope.container", "x.y.z.container", "localhost", "printer.local", "web", "1.0.0.10.in-addr.arpa"):
            self.nameserver.ask(question(name))
        self.assertEqual([], self.nameserver.forwarder.asked)

    def test_containerlike(self) -> None:
        """A name that merely ends in the same letters is not ours."""
        self.nameserver.send(question("my.xcontainer").to_wire())
        self.nameserver.send(question("container.com").to_wire())
        self.assertEqual(2, len(self.nameserver.forwarder.asked))

    def test_closed_meanwhile(self) -> None:
        """A reply that comes after the socket was closed goes nowhere."""
        self.nameserver.send(question("example.com").to_wire())
        self.nameserver.datagrams.stopProtocol()
        self.nameserver.forwarder.asked[0][1].callback(None)
        self.assertEqual([], self.nameserver.transport.sent)
        self.assertEqual([], self.flushLoggedErrors())
