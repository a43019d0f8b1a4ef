"""
``daprdockr.dns.forwarding.belonging``, and what ``names`` and ``rewrite`` do for it: which records of a reply are
passed on.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import dns.flags
import dns.message
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.forwarding.belonging import MAX_ALIASES
from daprdockr.dns.forwarding.forwarded import Asked, read_reply
from daprdockr.dns.message.names import Names
from daprdockr.dns.message.wire import Malformed
from tests.build.dns_samples import question, read

WWW, CDN = "www.example.com.", "cdn.example.net."
ADDRESS = f"{WWW} 300 IN A 192.0.2.1"
ALIAS = f"{WWW} 300 IN CNAME {CDN}"
ALIASED = f"{CDN} 300 IN A 192.0.2.2"
FOREIGN = ("www.bank.example. 300 IN A 203.0.113.6", "x.example.com. 300 IN A 203.0.113.6", "com. 9 IN NS ns.evil.")
SOA = "example.com. 900 IN SOA ns.example.com. root.example.com. 1 2 3 4 60"
SERVER = "example.com. 900 IN NS ns.example.com."
OTHER_SOA = "example.net. 900 IN SOA ns.example.net. root.example.net. 1 2 3 4 60"
UNTIL = "20300101000000 20200101000000 1"


def signature(owner: str, covered: str, signer: str = "example.com.") -> str:
    return f"{owner} 300 IN RRSIG {covered} 13 2 300 {UNTIL} {signer} AAAA"


def reply(
    *answer: str,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    name: str = WWW,
    kind: str = "A",
    rcode: int = 0,
    flags: int = 0,
) -> bytes:
    """A reply with these records, each a set of its own so that the order stays."""
    asked = Asked.of(read(question(name, kind).to_wire()))
    message = dns.message.make_response(dns.message.from_wire(asked.message(7, edns=False)), recursion_available=True)
    message.flags |= flags
    message.set_rcode(dns.rcode.Rcode(rcode))
    for section, lines in ((message.answer, answer), (message.authority, authority), (message.additional, additional)):
        section += [dns.rrset.from_text(*_words(line)) for line in lines]
    return message.to_wire()


def _words(line: str) -> tuple[str, int, str, str, str]:
    name, ttl, klass, kind, data = line.split(" ", 4)
    return name, int(ttl), klass, kind, data


def passed_on(packet: bytes) -> list[str]:
    """The records of all sections that are left, those of the additional section marked."""
    message = dns.message.from_wire(read_reply(packet).packet, one_rr_per_rrset=True)
    lines = [rrset.to_text() for rrset in (*message.answer, *message.authority)]
    return lines + [f"additional: {rrset.to_text()}" for rrset in message.additional]


class BelongingTests(SynchronousTestCase):
    """The records of a reply that its question asked for, which are all that is left of it."""

    def check(self, expected: list[str], packet: bytes) -> None:
        texts = [dns.rrset.from_text(*_words(line)).to_text() for line in expected]
        self.assertEqual(texts, passed_on(packet))

    def test_foreign_answers(self) -> None:
        """Records of other names and types are left out, before the answer, behind it and between."""
        packet = reply(FOREIGN[0], ADDRESS, *FOREIGN[1:], f"{WWW} 300 IN TXT x", f"{WWW} 5 IN A 192.0.2.3")
        self.check([ADDRESS, f"{WWW} 5 IN A 192.0.2.3"], packet)

    def test_other_sections(self) -> None:
        """Beside an answer there are no other sections, the addresses of its own names included."""
        authority = (SERVER, SOA, FOREIGN[2])
        self.check([ADDRESS], reply(ADDRESS, authority=authority, additional=("ns.example.com. 9 IN A 192.0.2.8",)))
        mail = f"{WWW} 300 IN MX 10 mx.evil."
        self.check([mail], reply(mail, kind="MX", additional=("mx.evil. 300 IN A 203.0.113.6",)))

    def test_aliases(self) -> None:
        """Aliases lead from the name asked for to the records, in whatever order they come."""
        second = [f"{WWW} 300 IN CNAME b.example.com.", f"b.example.com. 300 IN CNAME {CDN}"]
        self.check([ALIAS, ALIASED], reply(ALIAS, ALIASED))
        self.check([ALIASED, *second], reply(ALIASED, *second, f"x.example.com. 300 IN CNAME {CDN}"))

    def test_case(self) -> None:
        """Names are compared without regard to case."""
        packet = reply(ALIAS, f"{CDN.upper()} 300 IN A 192.0.2.2")
        self.assertEqual(2, len(passed_on(packet)))

    def test_alias_asked_for(self) -> None:
        """A question for the alias itself gets that."""
        self.check([ALIAS], reply(ALIAS, ALIASED, kind="CNAME"))

    def test_circle(self) -> None:
        """Aliases in a circle, and too many of them, end."""
        back = f"{CDN} 300 IN CNAME {WWW}"
        self.check([ALIAS, back], reply(ALIAS, back))
        names = [WWW, *(f"{number}.example.com." for number in range(2 * MAX_ALIASES))]
        many = [f"{one} 300 IN CNAME {next_}" for one, next_ in pairwise(names)]
        self.check(many[:MAX_ALIASES], reply(*many))

    def test_subtree(self) -> None:
        """An alias of a subtree is passed on with the alias that was made of it, another subtree's is not."""
        subtree = "example.com. 300 IN DNAME example.net."
        made = [subtree, f"{WWW} 300 IN CNAME www.example.net.", "www.example.net. 300 IN A 192.0.2.2"]
        self.check(made, reply(*made, "example.org. 300 IN DNAME evil."))
        self.check([made[0], made[2]], reply(made[0], made[2]))
        self.check([ALIAS, ALIASED], reply(subtree.replace("example.net", "evil"), ALIAS, ALIASED))

    def test_any(self) -> None:
        """A question for any type gets all records of that name."""
        text = f'{WWW} 300 IN TXT "x"'
        self.check([ADDRESS, text], reply(ADDRESS, *FOREIGN, text, kind="ANY"))

    def test_no_answer_of_its_own(self) -> None:
        """A reply whose answers are all others' is none."""
        self.assertRaises(Malformed, read_reply, reply(*FOREIGN))

    def test_negative(self) -> None:
        """A negative answer has the SOA and name servers of zones that its last name lies in."""
        for rcode in (0, 3):
            packet = reply(authority=(OTHER_SOA, SOA, SERVER, "x.example.com. 9 IN NS ns.evil."), rcode=rcode)
            self.check([SOA, SERVER], packet)
            self.assertEqual(60, read_reply(packet).lifetime)
        self.check([ALIAS, OTHER_SOA], reply(ALIAS, authority=(SOA, OTHER_SOA), rcode=3))

    def test_foreign_denial(self) -> None:
        """A denial in the name of another zone is not kept."""
        self.assertEqual(0, read_reply(reply(authority=(OTHER_SOA,), rcode=3)).lifetime)

    def test_failure(self) -> None:
        """A failure has no records."""
        self.check([], reply(ADDRESS, rcode=2, authority=(SOA,)))

    def test_signatures(self) -> None:
        """The signatures of what belongs belong too; others do not."""
        own = [ALIAS, signature(WWW, "CNAME"), ALIASED, signature(CDN, "A", "example.net.")]
        self.check(own, reply(*own, signature(WWW, "A"), signature("x.example.com.", "A")))
        denied = (SOA, signature("example.com.", "SOA"))
        self.check([*denied], reply(authority=(*denied, signature("example.com.", "MX")), rcode=3))

    def test_denials(self) -> None:
        """Signed proofs of zones that the names lie in belong, to answers made from a wildcard as well."""
        proof = "a.example.com. 60 IN NSEC z.example.com. A RRSIG NSEC"
        hashed = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.com. 60 IN NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A"
        own = [proof, signature("a.example.com.", "NSEC"), hashed, signature(hashed.split(" ")[0], "NSEC3")]
        foreign = ["a.example.net. 60 IN NSEC z.example.net. A", signature("a.example.net.", "NSEC", "example.net.")]
        unsigned = "b.example.com. 60 IN NSEC z.example.com. A"
        posing = ["c.example.net. 60 IN NSEC z.example.net. A", signature("c.example.net.", "NSEC")]
        self.check([ADDRESS, *own], reply(ADDRESS, authority=(*foreign, *own, unsigned, *posing)))
        self.check([SOA, *own], reply(authority=(SOA, *own, *foreign), rcode=3))

    def test_cut(self) -> None:
        """A reply that was cut may have lost its own answers."""
        self.assertTrue(read_reply(reply(FOREIGN[0], flags=dns.flags.TC)).cut)


class RewriteTests(SynchronousTestCase):
    """A reply from whose middle records were taken is whole."""

    RECORDS = (
        f"{WWW} 1 IN MX 10 mx.bank.example.",
        f"{WWW} 2 IN SRV 1 2 3 srv.bank.example.",
        f"{WWW} 3 IN SOA ns.bank.example. root.bank.example. 1 2 3 4 5",
        f"{WWW} 4 IN NS www.bank.example.",
        f"{WWW} 5 IN RP who.bank.example. what.bank.example.",
        f'{WWW} 6 IN NAPTR 1 2 "a" "b" "c" www.bank.example.',
        f'{WWW} 7 IN TXT "x"',
        f"{WWW} 8 IN AAAA 2001:db8::1",
    )

    def test_pointers(self) -> None:
        """Names that were pointers into what is left out are written out."""
        packet = reply(FOREIGN[0], *self.RECORDS, kind="ANY")
        texts = [dns.rrset.from_text(*_words(line)).to_text() for line in self.RECORDS]
        self.assertEqual(texts, passed_on(packet))

    def test_places(self) -> None:
        """The places of TTLs are those of the new message."""
        read = read_reply(reply(FOREIGN[0], *self.RECORDS, kind="ANY"))
        ttls = [struct.unpack_from("!I", read.packet, place)[0] for place in read.ttl_places]
        self.assertEqual(list(range(1, 9)), ttls)
        self.assertEqual(1, read.lifetime)

    def test_compressed(self) -> None:
        """Owners are written once, so that a reply grows little."""
        many = [f"{CDN} 300 IN A 192.0.2.{number}" for number in range(1, 100)]
        packet = reply(FOREIGN[0], ALIAS, *many)
        self.assertLess(len(read_reply(packet).packet), len(packet))

    @given(st.lists(st.integers(0, 7), min_size=1, max_size=8), st.binary(max_size=40), st.integers(0, 400))
    def test_any_octets(self, picked: list[int], octets: bytes, place: int) -> None:
        """Any octets in a reply are read or are a mistake, and a reply that was read can be read again."""
        packet = bytearray(reply(FOREIGN[0], *(self.RECORDS[one] for one in picked), kind="ANY"))
        at = 40 + place % (len(packet) - 40)
        packet[at : at + len(octets)] = octets
        try:
            first = read_reply(bytes(packet))
        except Malformed:
            return
        self.assertEqual(first.packet, read_reply(first.packet).packet)


class Counted(bytes):
    """Octets that count how often one is read."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        self.looks += 1
        return super().__getitem__(key)


class NamesTests(SynchronousTestCase):
    """``Names``"""

    def test_pointers(self) -> None:
        """Pointers are followed backward, also several."""
        packet = b"\3www\xc0\x08\0\0\3com\0\1a\xc0\x00"
        self.assertRaises(Malformed, Names(packet).at, 0)
        packet = b"\3com\0\3www\xc0\0\1a\xc0\x05"
        self.assertEqual(b"\1a\3www\3com\0", Names(packet).at(11))

    def test_no_names(self) -> None:
        """A name that is cut, too long, in a circle, or has a label of an unknown type is malformed."""
        long = b"".join(b"\x3f" + b"x" * 63 for _ in range(4)) + b"\0"
        for packet in (b"", b"\1", b"\1a", b"\xc0", b"\xc0\0", b"\1a\xc0\0", b"\x40a\0", b"\x80\0", long):
            self.assertRaises(Malformed, Names(packet).at, 0)

    def test_cost(self) -> None:
        """A packet of nothing but pointers, each to the one before, costs no more than one of anything else."""
        pointers = [0, *range(4, 16000, 2)]
        packet = Counted(b"\1a\0\0" + b"".join((0xC000 | target).to_bytes(2) for target in pointers))
        names = Names(packet)
        self.assertEqual({b"\1a\0"}, {names.at(place) for place in range(len(packet) - 2, 3, -2)})
        self.assertLess(packet.looks, 10 * len(packet))
