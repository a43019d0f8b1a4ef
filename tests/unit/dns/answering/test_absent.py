"""The short way to a negative answer, beside the long one."""

from __future__ import annotations

import gc
import weakref

import dns.flags
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.absent import AbsentNames
from daprdockr.dns.answering.decide import decide
from daprdockr.dns.answering.name_servers import NO_SERVERS
from daprdockr.dns.answering.reply import encode
from daprdockr.dns.message.query import read_header, read_query
from daprdockr.dns.message.records import NXDOMAIN
from daprdockr.dns.message.wire import Malformed
from daprdockr.dns.zone.zone import Zone
from tests.build.dns_samples import RUNNING, question, read, sample_zone

ZONE = sample_zone()
LABELS = st.sampled_from(["1", "2", "9", "web", "WEB", "db", "myapp", "nope", "idle", "quiet", "tcp", "8080", "x" * 30])
NAMES = st.lists(LABELS, max_size=6).map(lambda labels: ".".join([*labels, "cOntainer"]))
KINDS = st.sampled_from(["A", "AAAA", "SRV", "TXT", "ANY", "AXFR", "NS"])
FLAGS = st.sampled_from([0, dns.flags.RD, dns.flags.RD | dns.flags.AD, dns.flags.CD, dns.flags.TC, dns.flags.QR, 0x40])


def the_long_way(packet: bytes, recursion: bool) -> bytes | None:
    """The reply to a packet without this module, if that is NXDOMAIN."""
    header = read_header(packet)
    try:
        query = read_query(packet, header) if header and not header.opcode else None
    except Malformed:
        return None
    result = decide(query, ZONE, recursion, NO_SERVERS) if query else None
    if query is None or result is None or result.rcode != NXDOMAIN:
        return None
    return encode(result, query, stream=False, recursion=recursion)


class ManyZonesTests(SynchronousTestCase):
    """An agent that lives long has a zone after each change of the cluster."""

    def test_former(self) -> None:
        """The SOA records of former zones are not kept, whatever was asked about names that they had or had not."""
        kept = [self.soa_of_answered_zone(serial) for serial in range(1, 101)]
        gc.collect()
        self.assertLessEqual(sum(soa() is not None for soa in kept), 20)

    def soa_of_answered_zone(self, serial: int) -> weakref.ref[object]:
        zone = Zone.of(RUNNING, serial=serial)
        self.assertIsNotNone(AbsentNames(zone).reply(question("absent.container").to_wire(), False))
        query = read(question("1.web.myapp.container", "TXT").to_wire())
        answer = decide(query, zone, False, NO_SERVERS)
        assert answer is not None
        self.assertEqual([owned.rrset for owned in answer.authority], [zone.soa])
        encode(answer, query, stream=False, recursion=False)
        return weakref.ref(zone.soa.data[0])


class AbsentTests(SynchronousTestCase):
    """``AbsentNames``"""

    def check(self, packet: bytes, recursion: bool) -> bool:
        """A reply is the one of the long way; whether there is one."""
        reply = AbsentNames(ZONE).reply(packet, recursion)
        if reply is not None:
            self.assertEqual(the_long_way(packet, recursion), reply, packet)
        return reply is not None

    @settings(max_examples=400, deadline=None)
    @given(NAMES, KINDS, FLAGS, st.booleans(), st.booleans())
    @example("nope.container", "A", dns.flags.RD, True, False)
    def test_queries(self, name: str, kind: str, flags: int, recursion: bool, edns: bool) -> None:
        """It answers just the plain queries for names that do not exist, by what the long way answers."""
        packet = question(name, kind, flags=flags, edns=0 if edns else False).to_wire()
        plain = kind in ("A", "AAAA", "SRV") and not flags & ~(dns.flags.RD | dns.flags.AD) and not edns
        absent = the_long_way(packet, recursion) is not None
        self.assertEqual(plain and absent, self.check(packet, recursion))

    @settings(max_examples=1500, deadline=None)
    @given(NAMES, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3), st.integers(0, 400))
    def test_mutants(self, name: str, changes: list[tuple[int, int]], cut: int) -> None:
        """Of octets that are no such query it says nothing that the long way does not say."""
        packet = bytearray(question(name).to_wire())
        for at, octet in changes:
            packet[at % len(packet)] = octet
        self.check(bytes(packet[: len(packet) - cut % 8]), True)

    def test_long_names(self) -> None:
        """A name of 255 octets is answered, one of more is not."""
        for labels, expected in [(["x" * 63] * 3 + ["y" * 51], True), (["x" * 63] * 3 + ["y" * 52], False)]:
            wire = b"".join(bytes([len(label)]) + label.encode() for label in [*labels, "container"]) + b"\0"
            self.assertEqual(255 if expected else 256, len(wire))
            packet = question("container").to_wire()[:12] + wire + b"\0\1\0\1"
            self.assertEqual(expected, self.check(packet, False))
