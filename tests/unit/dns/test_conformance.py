"""
The rules of DNS as tables of messages and replies, octets in and octets out, over UDP and over TCP.

Header, question and OPT are compared octet by octet; the records between them as dnspython reads them, and for some
replies as octets too. Each case is asked twice, for the second answer may be one that was kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import product

import dns.flags
import dns.message
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from daprdockr.model.names import ServiceName
from tests.build import dns_cases_messages, dns_cases_names
from tests.build.dns_cases_names import SOA_DATA, WORD
from tests.build.dns_octets import AAAA, ANY, NS, SOA, SRV, A, Case, edns, message, name, query, question_of, words
from tests.build.dns_samples import (
    RUNNING,
    STRANGER,
    Nameserver,
    connected,
    framed,
    running,
    said,
    sample_zone,
    unframed,
)
from tests.build.values import WEB

HEADER = 12
ONE = "1.web.myapp.container"


def datagrams(nameserver: Nameserver, packet: bytes) -> list[bytes]:
    """The replies to a packet over UDP."""
    return nameserver.send(packet)


def streams(nameserver: Nameserver, packet: bytes) -> list[bytes]:
    """The replies to a packet over a TCP connection of its own, which stays open."""
    stream, transport = connected(nameserver)
    stream.dataReceived(framed(packet))
    assert not transport.disconnected
    return unframed(transport.value())


WAYS = (datagrams, streams)


def in_no_order(records: Iterable[str]) -> list[str]:
    """
    Records as ``said`` writes them, for comparison: a set has no order, and answers rotate it.

    Owners of additional records may be pointers into the question, in the case that it has.
    """
    return sorted(record.lower() if record.startswith("X") else record for record in records)


class ConformanceTestCase(SynchronousTestCase):
    """The checks that all tables share."""

    def check(self, case: Case, replies: list[bytes], way: str = "") -> None:
        """One reply, all of which is as the case says; or none."""
        rule = f"{case.rule} {way}: {case.asked.hex()}"
        if not case.header:
            self.assertEqual([], replies, rule)
            return
        self.assertEqual(1, len(replies), rule)
        header, reply = words(case.header), replies[0]
        question = question_of(case.asked) if header[4:6] == b"\0\1" else b""
        self.assertEqual(header.hex(" ", 2), reply[:HEADER].hex(" ", 2), rule)
        self.assertEqual(question.hex(), reply[HEADER : HEADER + len(question)].hex(), rule)
        self.assertEqual(case.opt.hex(), reply[len(reply) - len(case.opt) :].hex(), rule)
        if not case.records:
            self.assertEqual(HEADER + len(question) + len(case.opt), len(reply), rule)
        self.assertEqual(in_no_order(case.records), in_no_order(said(dns.message.from_wire(reply))[1:]), rule)

    def check_all(self, cases: Iterable[Case]) -> None:
        nameserver = Nameserver()
        for case, way, _ in product(cases, WAYS, range(2)):
            self.check(case, way(nameserver, case.asked), way.__name__)
        self.assertEqual([], nameserver.forwarder.asked)


class TableTests(ConformanceTestCase):
    """The two large tables."""

    def test_names(self) -> None:
        """Names of the zone have the records of the contract; all others, and other types, the negative answers."""
        self.check_all(dns_cases_names.CASES)

    def test_messages(self) -> None:
        """Flags, EDNS, classes, opcodes and malformed messages are answered as the standards say, or not at all."""
        self.check_all(dns_cases_messages.CASES)

    def test_tables_are_not_repetitive(self) -> None:
        """No message stands in the tables twice with different replies."""
        replies: dict[bytes, Case] = {}
        for case in (*dns_cases_names.CASES, *dns_cases_messages.CASES):
            other = replies.setdefault(case.asked, case)
            self.assertEqual((other.header, other.records, other.opt), (case.header, case.records, case.opt), case.rule)


class OctetTests(SynchronousTestCase):
    """Whole replies, octet by octet."""

    def reply(self, packet: bytes) -> str:
        (datagram,), (stream,) = (way(Nameserver(), packet) for way in WAYS)
        self.assertEqual(datagram, stream)
        return datagram.hex()

    def test_address(self) -> None:
        """The owner of an answer is a pointer to the question (RFC 1035 section 4.1.4)."""
        question = "01310377656205" + b"myapp\x09container\0".hex()
        expected = f"1234 8580 0001 0001 0000 0000 {question}00010001 c00c 0001 0001 00000000 0004 0a000001"
        self.assertEqual(expected.replace(" ", ""), self.reply(query(ONE)))

    def test_address_of_ipv6(self) -> None:
        """An IPv6 address has its 16 octets (RFC 3596 section 2.2), and OPT comes behind it."""
        question = "01310377656205" + b"myapp\x09container\0".hex()
        address = "fd00 0000 0000 0000 0000 0000 0000 0001"
        expected = f"1234 8580 0001 0001 0000 0001 {question}001c0001 c00c 001c 0001 00000000 0010 {address}"
        expected += "00 0029 04d0 0000 8000 0000"
        self.assertEqual(expected.replace(" ", ""), self.reply(query(ONE, AAAA, opt=edns(flags=0x8000))))

    def test_target(self) -> None:
        """The target of an SRV record is not compressed (RFC 2782)."""
        data = words("0 1 7d01") + name(ONE)
        self.assertIn((words(f"0021 1 0 0 {len(data):x}") + data).hex(), self.reply(query(f"8080.tcp.{ONE}", SRV)))


class FrameTests(ConformanceTestCase):
    """Rules that hold for all questions alike."""

    NAMES = (ONE, "WEB.myapp.CONTAINER", "8080.tcp.web.myapp.container", "tcp.web.myapp.container", "nope.container")

    def test_every_combination(self) -> None:
        """Id, question, RD and DO come back as they were, in each combination with names, types and EDNS."""
        nameserver = Nameserver()
        opts = [b"", edns(), edns(size=512, flags=0x8000), edns(size=4096, flags=0x4001)]
        flags = [rd | others for rd in (0, 0x0100) for others in range(0, 0x80, 0x10)]
        asked = product(self.NAMES, (A, AAAA, SRV, ANY, 65280), flags, opts)
        for (owner, kind, sent, opt), way in product(asked, WAYS):
            packet = query(owner, kind, flags=sent, opt=opt)
            (reply,) = way(nameserver, packet)
            code = 3 if owner == "nope.container" else 0
            word = 0x8480 | sent & 0x0100 | code
            self.assertEqual((packet[:2], word), (reply[:2], int.from_bytes(reply[2:4])), f"{owner} {kind} {sent:04x}")
            self.assertEqual(question_of(packet), question_of(reply))
            told = dns.message.from_wire(reply)
            self.assertEqual((0, 1232) if opt else (-1, 0), (told.edns, told.payload))
            self.assertEqual(int.from_bytes(opt[7:9]) & dns.flags.DO, told.ednsflags)

    def test_every_id(self) -> None:
        """The id is the client's."""
        nameserver = Nameserver()
        for identity in (0, 1, 0xFF, 0x100, 0xFFFF):
            (reply,) = nameserver.send(identity.to_bytes(2) + query(ONE)[2:])
            self.assertEqual(identity, int.from_bytes(reply[:2]))

    def test_strangers(self) -> None:
        """A client that may not have names forwarded sees no RA, and REFUSED for all names but ours (RFC 5358)."""
        nameserver = Nameserver()
        for owner, header in {
            ONE: "1234 8500 1 1 0 0",
            "nope.container": "1234 8503 1 0 1 0",
            "www.example.com": "1234 8105 1 0 0 0",
            "com": "1234 8105 1 0 0 0",
            "": "1234 8105 1 0 0 0",
            "localhost": "1234 8105 1 0 0 0",
            "xcontainer": "1234 8105 1 0 0 0",
            "container.com": "1234 8105 1 0 0 0",
        }.items():
            (reply,) = nameserver.send(query(owner), STRANGER)
            self.assertEqual(words(header).hex(), reply[:HEADER].hex(), owner)
        self.check(
            Case("RFC 9619 4: and for what cannot be read", message(counts="0 0 0 0"), "1234 8101 0 0 0 0"),
            nameserver.send(message(counts="0 0 0 0"), STRANGER),
        )

    def test_before_a_zone(self) -> None:
        """Before the zone is known its names get SERVFAIL, without AA, which nobody keeps as an absence."""
        nameserver = Nameserver(published=False)
        for owner, kind in ((ONE, A), ("container", SOA), ("nope.container", A)):
            case = Case("RFC 1035 4.1.1", query(owner, kind, opt=edns()), "1234 8182 1 0 0 1", opt=edns())
            self.check(case, nameserver.send(case.asked))


class ChangeTests(ConformanceTestCase):
    """Answers follow the zone: health, instances, deletion."""

    QUESTIONS = (
        (ONE, A),
        ("2.web.myapp.container", A),
        ("web.myapp.container", A),
        ("web.myapp.container", AAAA),
        ("myapp.container", A),
        ("8080.tcp.web.myapp.container", SRV),
        ("_8080._tcp.1.web.myapp.container", SRV),
        ("tcp.1.web.myapp.container", A),
    )

    def answers(self, nameserver: Nameserver) -> dict[tuple[str, int], list[str]]:
        """The answer to each question, without the SOA, whose serial is another one each time."""
        told = {}
        for owner, kind in self.QUESTIONS:
            (reply,) = nameserver.send(query(owner, kind))
            code, *records = said(dns.message.from_wire(reply))
            told[owner, kind] = [code, *in_no_order(record for record in records if " SOA " not in record)]
        return told

    def test_health(self) -> None:
        """An instance that fails its check leaves each name at once, and is in each again when it recovers."""
        nameserver = Nameserver()
        zone = sample_zone()
        before = self.answers(nameserver)
        ones = [one for one in RUNNING if one.instance.service == WEB]
        ill = [running(ONE.removesuffix(".container"), "10.0.0.1 fd00::1", Port(8080, "tcp", 32001), healthy=False)]
        nameserver.authority.publish(zone := zone.replace(WEB, [*ill, *ones[1:]]))
        for question, told in self.answers(nameserver).items():
            self.assertFalse([line for line in told if "10.0.0.1" in line or "fd00::1" in line or "32001" in line])
            own = question[0].startswith(ONE) or f".{ONE}" in question[0]
            self.assertEqual("NXDOMAIN AA RD RA" if own else "NOERROR AA RD RA", told[0], question)
        nameserver.authority.publish(zone.replace(WEB, ones))
        self.assertEqual(before, self.answers(nameserver))

    def test_all_ill(self) -> None:
        """A service of which no instance is healthy exists, and has nothing."""
        nameserver = Nameserver()
        ones = [running(f"{number}.web.myapp", "10.0.0.1", healthy=False) for number in (1, 2)]
        nameserver.authority.publish(sample_zone().replace(WEB, ones))
        told = self.answers(nameserver)
        self.assertEqual(["NOERROR AA RD RA"], told["web.myapp.container", A])
        self.assertEqual(["NXDOMAIN AA RD RA"], told["8080.tcp.web.myapp.container", SRV])
        self.assertEqual(["NOERROR AA RD RA", "A myapp.container. 0 A 10.0.0.2"], told["myapp.container", A])

    def test_deleted(self) -> None:
        """A service that is deleted is absent with all below it, and its group with the last of its services."""
        nameserver = Nameserver()
        zone = sample_zone().replace(WEB, [], declared=False)
        nameserver.authority.publish(zone)
        told = self.answers(nameserver)
        self.assertEqual(["NOERROR AA RD RA", "A myapp.container. 0 A 10.0.0.2"], told.pop(("myapp.container", A)))
        self.assertEqual({("NXDOMAIN AA RD RA",)}, {tuple(lines) for lines in told.values()})
        nameserver.authority.publish(zone.replace(ServiceName.parse("db.myapp"), [], declared=False))
        self.assertEqual(["NXDOMAIN AA RD RA"], self.answers(nameserver)["myapp.container", A])

    def test_serial(self) -> None:
        """The SOA of a negative answer has the serial of the zone that it speaks of (RFC 1982)."""
        nameserver = Nameserver()
        nameserver.authority.publish(Zone.of(RUNNING, serial=2**32 - 1))
        for serial in ("4294967295", "0", "1"):
            (reply,) = nameserver.send(query("nope.container"))
            expected = f"N container. 1 SOA {SOA_DATA}".replace(" 7 ", f" {serial} ")
            self.assertEqual(expected, said(dns.message.from_wire(reply))[1])
            zone = Zone.of(RUNNING, serial=int(serial)).replace(WEB, [])
            nameserver.authority.publish(zone)

    def test_nothing_stale(self) -> None:
        """After any change each question has the answer that a server has who knows nothing of the time before."""
        chance = random.Random(4)
        nameserver, zone = Nameserver(), sample_zone()
        services = [WEB, *map(ServiceName.parse, ("db.myapp", "web.other", "idle.quiet", "ns.dns"))]
        names = [f"{number}{service}.container" for service in services for number in ("", "1.", "2.")]
        names += [f"8080.tcp.{service}.container" for service in services]
        names += ["container", "myapp.container", "other.container", "dns.container", "a.ns.dns.container"]
        asked = [
            query(owner, kind, opt=opt) for owner in names for kind in (A, AAAA, SRV, SOA) for opt in (b"", edns())
        ]
        for _ in range(25):
            service = chance.choice(services)
            ones = [
                running(f"{number}.{service}", f"10.0.0.{chance.randrange(4)}", Port(8080, "tcp", 32000 + number))
                for number in chance.sample([1, 2, 3], chance.randrange(4))
            ]
            zone = zone.replace(service, ones, declared=chance.random() < 0.5)
            nameserver.authority.publish(zone)
            other = Nameserver(zone)
            for packet in asked:
                self.assertEqual(other.send(packet), nameserver.send(packet), packet.hex())


class RotationTests(SynchronousTestCase):
    """The order of a set (RFC 1794)."""

    def test_each_comes_first(self) -> None:
        """Each record comes first as often as any other, and none is ever left out."""
        nameserver = Nameserver(Zone.of([running(f"{n}.web.myapp", f"10.0.0.{n}") for n in range(1, 6)], serial=1))
        firsts = []
        for nameserver.rotation in range(1000, 1010):
            (reply,) = nameserver.send(query("web.myapp.container"))
            lines = said(dns.message.from_wire(reply))[1:]
            self.assertEqual(5, len(set(lines)))
            firsts.append(lines[0])
        self.assertEqual({2}, {firsts.count(first) for first in set(firsts)})
        self.assertEqual(5, len(set(firsts)))


def crowd(count: int) -> Zone:
    """A service whose instances publish one port each, each on a host of its own."""
    ones = [running(f"{n}.web.crowd", f"10.1.{n >> 8}.{n & 255}", Port(80, "tcp", n)) for n in range(1, count + 1)]
    return Zone.of(ones, serial=7, addresses=("10.0.0.9",))


class SizeTests(ConformanceTestCase):
    """Truncation (RFC 2181 section 9, RFC 6891 section 6.2.5, RFC 7766 section 5)."""

    ADDRESSES = "web.crowd.container"
    PORTS = "80.tcp.web.crowd.container"

    def limits(self) -> dict[bytes, int]:
        """OPT records and the size that an answer has at most."""
        sizes = {0: 512, 100: 512, 511: 512, 512: 512, 513: 513, 700: 700, 1231: 1231, 1232: 1232, 1233: 1232}
        return {b"": 512} | {edns(size=size): limit for size, limit in {**sizes, 4096: 1232, 65535: 1232}.items()}

    def test_exact(self) -> None:
        """An answer of just the size goes out whole; one record more, and TC takes the place of all."""
        for opt, limit in self.limits().items():
            question = question_of(query(self.ADDRESSES))
            fits = (limit - HEADER - len(question) - len(opt)) // 16
            for count, header in ((fits, f"1234 8580 1 {fits:x} 0"), (fits + 1, "1234 8780 1 0 0")):
                nameserver = Nameserver(crowd(count))
                (reply,) = nameserver.send(query(self.ADDRESSES, opt=opt))
                self.assertEqual(words(f"{header} {1 if opt else 0}").hex(), reply[:HEADER].hex(), f"{limit} {count}")
                self.assertTrue(len(reply) <= limit)
                self.assertEqual(opt[:3], reply[len(reply) - len(opt) :][:3])

    def test_stream_has_all(self) -> None:
        """An answer that has TC in a datagram is whole over TCP, whatever size the client's OPT says."""
        nameserver = Nameserver(crowd(300))
        opts = (b"", edns(size=100), edns(size=1232), edns(size=65535))
        for opt, (owner, kind) in product(opts, ((self.ADDRESSES, A), (self.PORTS, SRV), (self.PORTS, ANY))):
            packet = query(owner, kind, opt=opt)
            (datagram,), (stream,) = (way(nameserver, packet) for way in WAYS)
            self.assertEqual(words("1234 8780 1 0 0").hex(), datagram[: HEADER - 2].hex())
            told = dns.message.from_wire(stream)
            self.assertEqual(0, told.flags & dns.flags.TC)
            self.assertEqual(300, sum(len(rrset) for rrset in told.answer))

    def test_additional(self) -> None:
        """Additional sets that do not fit are left out whole, without TC (RFC 2181 section 9)."""
        a_set = 14 + len(name("1.web.crowd.container"))
        for count, (opt, limit) in product(range(2, 9), {b"": 512, edns(size=700): 700}.items()):
            nameserver = Nameserver(crowd(count))
            (reply,) = nameserver.send(query(self.PORTS, SRV, opt=opt))
            told = dns.message.from_wire(reply)
            self.assertEqual((0, count), (told.flags & dns.flags.TC, len(told.answer[0])))
            self.assertTrue(len(reply) <= limit)
            self.assertTrue(len(told.additional) == count or len(reply) + a_set > limit)

    def test_negative_fits(self) -> None:
        """A negative answer about the longest name fits into the smallest datagram."""
        (reply,) = Nameserver().send(query(dns_cases_names.LONGEST, opt=edns(size=0)))
        self.assertEqual(words("1234 8583 1 0 1 1").hex(), reply[:HEADER].hex())
        self.assertEqual(list(WORD), said(dns.message.from_wire(reply))[1:])
        self.assertTrue(len(reply) <= 512)


class StreamTests(ConformanceTestCase):
    """DNS over TCP (RFC 7766, RFC 1035 section 4.2.2)."""

    def setUp(self) -> None:
        self.nameserver = Nameserver()
        self.stream, self.transport = connected(self.nameserver)

    def packets(self, *owners: str) -> list[bytes]:
        """Queries with ids of their own."""
        return [number.to_bytes(2) + query(owner)[2:] for number, owner in enumerate(owners, 1)]

    def ids(self, transport: StringTransport | None = None) -> list[int]:
        return [int.from_bytes(reply[:2]) for reply in unframed((transport or self.transport).value())]

    def test_every_split(self) -> None:
        """Three messages cut into two segments at any octet, in the middle of a length too, are all answered."""
        octets = b"".join(map(framed, self.packets(ONE, "nope.container", ONE)))
        for cut in range(len(octets) + 1):
            stream, transport = connected(self.nameserver)
            stream.dataReceived(octets[:cut])
            stream.dataReceived(octets[cut:])
            self.assertEqual([1, 2, 3], self.ids(transport))

    def test_one_segment(self) -> None:
        """A hundred messages in one segment are all answered."""
        self.stream.dataReceived(b"".join(map(framed, self.packets(*100 * [ONE]))))
        self.assertEqual(list(range(1, 101)), self.ids())

    def test_out_of_order(self) -> None:
        """Answers of ours overtake those of upstreams; each has the id of its question (section 7)."""
        self.stream.dataReceived(b"".join(map(framed, self.packets("a.example", ONE, "b.example", ONE))))
        self.assertEqual([2, 4], self.ids())
        for _, reply in reversed(self.nameserver.forwarder.asked):
            reply.callback(None)
        self.assertEqual([2, 4, 3, 1], self.ids())

    def test_malformed_between(self) -> None:
        """A message that cannot be read gets FORMERR or nothing, and the connection goes on."""
        first, last = self.packets(ONE, ONE)
        octets = [first, b"", b"x", first[:11], message(counts="2 0 0 0"), last]
        self.stream.dataReceived(b"".join(map(framed, octets)))
        replies = unframed(self.transport.value())
        self.assertEqual([1, 0x1234, 2], [int.from_bytes(reply[:2]) for reply in replies])
        self.assertEqual(words("1234 8181 0 0 0 0"), replies[1])
        self.assertFalse(self.transport.disconnected)

    def test_length_that_lies(self) -> None:
        """A length that is short of its message cuts it there, and what follows is taken for what it says."""
        packet = query(ONE)
        self.stream.dataReceived((len(packet) - 4).to_bytes(2) + packet)
        self.assertEqual(words("1234 8181 0 0 0 0"), unframed(self.transport.value())[0])
        # The four octets that are left are a message of one octet, which is none, and half of a length.
        self.assertEqual(1, len(unframed(self.transport.value())))
        self.assertFalse(self.transport.disconnected)

    def test_longest(self) -> None:
        """A message of 4,096 octets is read; one that announces more ends the connection."""
        padding = edns(options=(12).to_bytes(2) + (4000).to_bytes(2) + bytes(4000))
        packet = query(ONE, opt=padding)
        self.stream.dataReceived(framed(packet))
        self.assertEqual([0x1234], self.ids())
        self.stream.dataReceived((4097).to_bytes(2))
        self.assertTrue(self.transport.disconnected)

    def test_name_server_addresses(self) -> None:
        """The name server has the addresses of this node alone, over TCP as over UDP."""
        for owner, kind in (("container", NS), ("a.ns.dns.container", A)):
            (datagram,), (stream,) = (way(self.nameserver, query(owner, kind)) for way in WAYS)
            self.assertEqual(datagram, stream)
            self.assertIn(bytes([10, 0, 0, 9]), stream)
