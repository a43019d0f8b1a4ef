"""``daprdockr.dns.message.query`` and ``wire``: reading what clients send."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.message.query import Edns, Header, read_header, read_query
from daprdockr.dns.message.wire import Malformed
from tests.build.dns_samples import question, read

PLAIN = question("1.Web.myapp.container").to_wire()
OPT_RECORD = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)


def counted(*counts: int, rest: bytes) -> bytes:
    """A message with any counts, whatever follows."""
    return struct.pack("!6H", 1, 0x0100, *counts) + rest


class HeaderTests(SynchronousTestCase):
    """``read_header``"""

    def test_flags(self) -> None:
        """The flags that matter to a client are read, each by itself."""
        packet = question("x", flags=dns.flags.RD).to_wire()
        self.assertEqual(Header(0x1234, 0, True, False), read_header(packet))
        packet = question("x", flags=dns.flags.CD).to_wire()
        self.assertEqual(Header(0x1234, 0, False, True), read_header(packet))

    def test_opcode(self) -> None:
        """The opcode is read whether or not the rest can be."""
        header = read_header(struct.pack("!6H", 7, 5 << 11, 1, 1, 1, 1))
        self.assertEqual(5, header and header.opcode)

    def test_no_query(self) -> None:
        """An answer, and what is shorter than a header, is no query."""
        self.assertIsNone(read_header(question("x", flags=dns.flags.QR).to_wire()))
        self.assertIsNone(read_header(PLAIN[:11]))


class QueryTests(SynchronousTestCase):
    """``read_query``"""

    def test_plain(self) -> None:
        """A question keeps its case and its bytes."""
        query = read(PLAIN)
        self.assertEqual((b"1", b"Web", b"myapp", b"container"), query.question.labels)
        self.assertEqual((b"1", b"web", b"myapp", b"container"), query.question.lowered)
        self.assertEqual((1, 1), (query.question.type, query.question.klass))
        self.assertEqual(PLAIN[12:], query.question.wire)
        self.assertIsNone(query.edns)

    def test_root(self) -> None:
        """The root is a name."""
        self.assertEqual((), read(question(".", "NS").to_wire()).question.labels)

    def test_dot_in_a_label(self) -> None:
        """A dot inside a label does not make two of it."""
        self.assertEqual((b"1.web", b"myapp"), read(question("1\\.web.myapp").to_wire()).question.labels)

    def test_edns(self) -> None:
        """Version, size and the DO flag of an OPT record are read; options are none of our business."""
        option = dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"abc")
        query = read(question("x", edns=1, size=4000, dnssec=True, options=[option]).to_wire())
        self.assertEqual(Edns(1, 4000, True), query.edns)

    def test_limits(self) -> None:
        """A datagram to a client is as long as it says, between 512 and 1232 octets."""
        sizes = {100: 512, 512: 512, 1000: 1000, 1232: 1232, 65535: 1232}
        for said, limit in sizes.items():
            self.assertEqual(limit, read(question("x", edns=0, size=said).to_wire()).datagram_limit)
        self.assertEqual(512, read(PLAIN).datagram_limit)

    def test_other_records(self) -> None:
        """Records besides OPT are skipped, their names compressed or not."""
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + b"\1\2\3\4"
        query = read(counted(1, 1, 1, 2, rest=PLAIN[12:] + 3 * record + OPT_RECORD))
        self.assertEqual(Edns(0, 1232, False), query.edns)

    def check_malformed(self, packet: bytes) -> None:
        header = read_header(packet)
        assert header is not None
        self.assertRaises(Malformed, read_query, packet, header)

    def test_number_of_questions(self) -> None:
        """No question, or more than one, is a mistake (RFC 9619)."""
        self.check_malformed(counted(0, 0, 0, 0, rest=b""))
        self.check_malformed(counted(2, 0, 0, 0, rest=2 * PLAIN[12:]))

    def test_cut(self) -> None:
        """A packet that ends too early anywhere is a mistake."""
        whole = question("1.web.myapp.container", edns=0).to_wire()
        for end in range(12, len(whole)):
            self.check_malformed(whole[:end])

    def test_too_long(self) -> None:
        """Octets after the end are a mistake."""
        self.check_malformed(PLAIN + b"\0")

    def test_names(self) -> None:
        """A compressed, endless, overlong or otherwise impossible name in the question is a mistake."""
        for name in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\x80", b"\x40" + 64 * b"a" + b"\0", 128 * b"\x01a" + b"\0"):
            self.check_malformed(counted(1, 0, 0, 0, rest=name + b"\0\1\0\1"))

    def test_longest_name(self) -> None:
        """A name of 255 octets is read."""
        name = 127 * b"\x01a" + b"\0"
        self.assertEqual(127, len(read(counted(1, 0, 0, 0, rest=name + b"\0\1\0\1")).question.labels))

    def test_opt_records(self) -> None:
        """Two OPT records, one elsewhere, one with a name, or a question for one, are mistakes."""
        rest = PLAIN[12:]
        self.check_malformed(counted(1, 0, 0, 2, rest=rest + 2 * OPT_RECORD))
        self.check_malformed(counted(1, 1, 0, 0, rest=rest + OPT_RECORD))
        self.check_malformed(counted(1, 0, 0, 1, rest=rest + b"\x01a" + OPT_RECORD))
        self.check_malformed(counted(1, 0, 0, 0, rest=b"\0\0\x29\0\1"))

    @given(st.binary(max_size=200))
    def test_any_bytes(self, rest: bytes) -> None:
        """Any bytes are a query or a mistake, and nothing else."""
        packet = struct.pack("!HH", 1, 0) + rest
        header = read_header(packet)
        if header is not None:
            try:
                read_query(packet, header)
            except Malformed:
                return

    @given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=5))
    def test_mutations(self, changes: list[tuple[int, int]]) -> None:
        """A query with any octets changed is a query or a mistake, and what is read lies in the packet."""
        packet = bytearray(question("8080.tcp.1.web.myapp.container", "SRV", edns=0).to_wire())
        for place, value in changes:
            packet[place % len(packet)] = value
        header = read_header(bytes(packet))
        if header is not None:
            try:
                query = read_query(bytes(packet), header)
            except Malformed:
                return
            self.assertIn(query.question.wire, bytes(packet))
