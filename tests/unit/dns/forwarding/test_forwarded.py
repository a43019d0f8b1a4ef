"""``daprdockr.dns.forwarding.forwarded``: the forwarder's messages."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.forwarding.cache import Cache
from daprdockr.dns.forwarding.forwarded import answers, fit, read_reply
from daprdockr.dns.message.wire import Malformed
from tests.build.dns_responses import ADDRESS, SOA, asked, response
from tests.build.dns_samples import question, read


class QuestionTests(SynchronousTestCase):
    """The question that an upstream receives."""

    def test_message(self) -> None:
        """The question goes on in lower case with the flags RD and CD, and an OPT record of ours."""
        flags = dns.flags.RD | dns.flags.CD | dns.flags.AD
        message = dns.message.from_wire(
            asked("WWW.Example.com", flags=flags, edns=0, dnssec=True).message(7, edns=True)
        )
        self.assertEqual((7, "www.example.com."), (message.id, str(message.question[0].name)))
        self.assertEqual(dns.flags.RD | dns.flags.CD, message.flags)
        self.assertEqual((0, 1232, dns.flags.DO), (message.edns, message.payload, message.ednsflags))
        self.assertEqual((), message.options)

    def test_without_edns(self) -> None:
        """An upstream that cannot read OPT gets none."""
        self.assertEqual(-1, dns.message.from_wire(asked().message(7, edns=False)).edns)

    def test_what_makes_a_difference(self) -> None:
        """Case, size, id and AD make no difference to a reply; name, type and the other flags do."""
        self.assertEqual(asked(), asked("WWW.example.COM", edns=0, size=4096))
        self.assertEqual(asked(), asked(flags=dns.flags.RD | dns.flags.AD))
        kinds = [asked(), asked("x"), asked(kind="AAAA"), asked(flags=0), asked(edns=0, dnssec=True)]
        self.assertEqual(len(kinds), len(set(kinds)))

    def test_type_is_no_letter(self) -> None:
        """A type whose number is that of a capital letter stays as it is."""
        self.assertEqual(asked(kind="TYPE65").question[-4:], b"\0A\0\1")


class MatchTests(SynchronousTestCase):
    """Which packets are the reply to a question."""

    def setUp(self) -> None:
        self.message = asked().message(0x4321, edns=True)
        self.reply = response(ADDRESS)

    def test_reply(self) -> None:
        """The reply is one, in any case."""
        self.assertTrue(answers(self.message, self.reply))
        self.assertTrue(answers(self.message, self.reply[:12] + self.reply[12:27].upper() + self.reply[27:]))

    def test_forged(self) -> None:
        """Another id, question, type or class, a query, and what is cut off, are not."""
        others = [
            b"\x43\x22" + self.reply[2:],
            self.reply[:2] + b"\x01" + self.reply[3:],
            self.reply[:2] + b"\xa1" + self.reply[3:],
            self.reply.replace(b"\3www", b"\3wwx"),
            self.reply.replace(b"\3com\0\0\1\0\1", b"\3com\0\0\2\0\1"),
            self.reply.replace(b"\3com\0\0\1\0\1", b"\3com\0\0\1\0\2"),
            self.reply[:4] + b"\0\2" + self.reply[6:],
            self.reply[:11],
            self.reply[:20],
            b"",
        ]
        for packet in others:
            self.assertFalse(answers(self.message, packet), packet)

    def test_header_alone(self) -> None:
        """A header alone is a reply if it states a failure."""
        for rcode, expected in [(1, True), (2, True), (4, True), (5, True), (0, False), (3, False)]:
            packet = struct.pack("!6H", 0x4321, 0x8180 | rcode, 0, 0, 0, 0)
            self.assertEqual(expected, answers(self.message, packet))


class ReplyTests(SynchronousTestCase):
    """The parts that are read from a reply."""

    def lifetime(self, *answer: str, authority: tuple[str, ...] = (), rcode: int = 0, flags: int = 0) -> int:
        return read_reply(response(*answer, authority=authority, rcode=rcode, flags=flags)).lifetime

    def test_opt_is_cut_off(self) -> None:
        """The OPT record stays behind, all else is as it came."""
        reply = read_reply(response(authority=(SOA,)))
        self.assertTrue(reply.edns)
        self.assertEqual(response(authority=(SOA,), edns=False), reply.packet)
        self.assertFalse(read_reply(reply.packet).edns)

    def test_opt_in_the_middle(self) -> None:
        """The records around an OPT record are cut off with it."""
        whole = response(ADDRESS, edns=False)
        opt = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)
        glue = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + b"\1\2\3\4"
        packet = whole[:10] + b"\0\3" + whole[12:] + glue + opt + glue
        reply = read_reply(packet)
        self.assertEqual(whole, reply.packet)

    def test_smallest_ttl(self) -> None:
        """A reply lives as long as the record that lives shortest."""
        alias = "www.example.com. 300 IN CNAME x.example.com."
        self.assertEqual(200, self.lifetime(alias, "x.example.com. 200 IN A 192.0.2.2"))

    def test_negative(self) -> None:
        """No such name, and no such type, live by the minimum of their SOA, and not without one (RFC 2308)."""
        self.assertEqual(60, self.lifetime(authority=(SOA,), rcode=3))
        self.assertEqual(60, self.lifetime(authority=(SOA,)))
        self.assertEqual(0, self.lifetime(rcode=3))
        self.assertEqual(0, self.lifetime(authority=("example.com. 900 IN NS ns.example.com.",)))

    def test_alias_to_nothing(self) -> None:
        """An alias to a name that does not exist, or has no such type, lives by the SOA too, and not without one."""
        alias = "www.example.com. 300 IN CNAME gone.example.com."
        for rcode in (0, 3):
            self.assertEqual(60, self.lifetime(alias, authority=(SOA,), rcode=rcode))
            self.assertEqual(0, self.lifetime(alias, rcode=rcode))

    def test_not_kept(self) -> None:
        """A failure, a reply that was cut, and one with a TTL of zero or out of range, are not kept."""
        self.assertEqual(0, self.lifetime(rcode=2))
        self.assertEqual(0, self.lifetime(ADDRESS, flags=dns.flags.TC))
        self.assertEqual(0, self.lifetime("www.example.com. 0 IN A 192.0.2.1"))
        far = response(ADDRESS).replace(struct.pack("!I", 300), struct.pack("!I", 2**31))
        self.assertEqual(0, read_reply(far).lifetime)

    def test_negative_ttl(self) -> None:
        """A TTL with its most significant bit set is passed on as 0, the others as they are."""
        ttl = struct.pack("!I", 300)
        for far in (2**31, 2**32 - 1):
            packet = response(ADDRESS).replace(ttl, struct.pack("!I", far))
            self.assertEqual(read_reply(packet).packet, read_reply(response(ADDRESS).replace(ttl, bytes(4))).packet)
        self.assertIn(ttl, read_reply(response(ADDRESS)).packet)

    def test_failed(self) -> None:
        """Only NOERROR and NXDOMAIN are answers of substance."""
        found = {rcode: read_reply(response(rcode=rcode)).failed for rcode in (0, 1, 2, 3, 4, 5)}
        self.assertEqual({0: False, 1: True, 2: True, 3: False, 4: True, 5: True}, found)

    def test_header_alone(self) -> None:
        """A header alone reads as a failure without records."""
        reply = read_reply(struct.pack("!6H", 0x4321, 0x8185, 0, 3, 0, 0))
        self.assertEqual((5, True), (reply.rcode, reply.failed))
        answer = dns.message.from_wire(fit(reply.packet, read(question("www.example.com").to_wire()), stream=False))
        self.assertEqual((dns.rcode.REFUSED, []), (answer.rcode(), answer.answer))

    def test_malformed(self) -> None:
        """A reply that ends too early, and one with a response code of EDNS, are mistakes."""
        whole = response(ADDRESS)
        for end in range(len(asked().message(0, edns=False)), len(whole)):
            self.assertRaises(Malformed, read_reply, whole[:end])
        self.assertRaises(Malformed, read_reply, response(rcode=23))

    @given(st.binary(max_size=120), st.integers(0, 3))
    def test_any_bytes(self, rest: bytes, section: int) -> None:
        """Any bytes behind a question are a reply or a mistake; a reply can be kept and passed on."""
        counts = [1 if place == section else 0 for place in range(3)]
        packet = struct.pack("!6H", 0x4321, 0x8180, 1, *counts) + asked().question + rest
        try:
            reply = read_reply(packet)
        except Malformed:
            return
        cache = Cache()
        cache.put(asked(), reply, 0.0)
        cache.get(asked(), 1.0)
        sent = fit(reply.packet, read(question("www.example.com").to_wire()), stream=False)
        self.assertTrue(len(sent) <= 512)


class FitTests(SynchronousTestCase):
    """The form in which a client gets a reply."""

    def setUp(self) -> None:
        many = [f"www.example.com. 300 IN A 192.0.2.{n}" for n in range(1, 60)]
        self.long = read_reply(response(*many)).packet
        self.short = read_reply(response(ADDRESS, flags=dns.flags.AA | dns.flags.AD)).packet

    def fit(self, packet: bytes, stream: bool = False, **how: object) -> dns.message.Message:
        query = question("WWW.example.com", **how)  # type: ignore[arg-type]  # question() checks them
        answer = dns.message.from_wire(fit(packet, read(query.to_wire()), stream=stream))
        self.assertTrue(query.is_response(answer))
        return answer

    def test_fits(self) -> None:
        """The client's id, case and flags; RA; never AA, as it may be an old answer, nor AD, as nothing was proved."""
        answer = self.fit(self.short, flags=dns.flags.RD | dns.flags.CD)
        self.assertEqual("WWW.example.com.", str(answer.question[0].name))
        self.assertEqual("QR RD RA CD", dns.flags.to_text(answer.flags))
        self.assertEqual(1, len(answer.answer))

    def test_opt(self) -> None:
        """OPT goes to whom sent one, and to nobody else."""
        self.assertEqual(0, self.fit(self.short, edns=0).edns)
        self.assertEqual(-1, self.fit(self.short).edns)

    def test_too_long(self) -> None:
        """A reply too long for the datagram is sent without records and with TC; over TCP it is sent whole."""
        answer = self.fit(self.long)
        self.assertTrue(answer.flags & dns.flags.TC)
        self.assertEqual([], answer.answer)
        self.assertEqual(59, len(self.fit(self.long, edns=0).answer[0]))
        self.assertEqual(59, len(self.fit(self.long, stream=True).answer[0]))

    def test_cut_by_the_upstream(self) -> None:
        """A reply that the upstream cut over TCP, since a message cannot hold more, is passed on unchanged, with TC."""
        packet = read_reply(response(ADDRESS, flags=dns.flags.TC)).packet
        for stream, records in ((True, 1), (False, 0)):
            answer = self.fit(packet, stream=stream)
            self.assertTrue(answer.flags & dns.flags.TC)
            self.assertEqual(records, len(answer.answer))

    def test_room_for_opt(self) -> None:
        """Our OPT record counts: with it a reply may be too long that fits without."""
        size = len(self.long)
        self.assertTrue(self.fit(self.long, edns=0, size=size + 10).flags & dns.flags.TC)
        self.assertFalse(self.fit(self.long, edns=0, size=size + 11).flags & dns.flags.TC)
