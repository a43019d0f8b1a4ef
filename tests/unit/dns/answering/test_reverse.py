"""``daprdockr.dns.answering.reverse`` and ``hosts``: from addresses back to instances."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.answer import Answer
from daprdockr.dns.answering.reverse import address_of, answer_reverse
from daprdockr.dns.message.records import NOERROR, NS, PTR, SOA
from daprdockr.dns.zone.zone import APEX_TTL, INSTANCE_TTL, NAMESERVER, Running, Zone
from daprdockr.model.names import ServiceName
from tests.build.dns_samples import CLIENT, STRANGER, Nameserver, question, read, running, said

WEB, DB = ServiceName.parse("web.myapp"), ServiceName.parse("db.myapp")
ALONE = [
    running("1.web.myapp", "10.0.0.1 fd00::1"),
    running("2.web.myapp", "10.0.0.2"),
    running("1.db.myapp", "10.0.0.3"),
]


def ask(zone: Zone, name: str, kind: str = "PTR") -> Answer | None:
    return answer_reverse(zone, read(question(name, kind).to_wire()).question)


def pointer(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def whose(zone: Zone, address: str) -> str | None:
    """The name that an address leads to."""
    answer = ask(zone, pointer(address))
    if answer is None:
        return None
    (owned,) = answer.answers
    (name,) = owned.rrset.data
    return str(name)


def labels(name: str) -> tuple[bytes, ...]:
    return tuple(name.encode().split(b"."))


class AnswerTests(SynchronousTestCase):
    """``answer_reverse``"""

    def setUp(self) -> None:
        self.zone = Zone.of(ALONE, serial=7)

    def test_one(self) -> None:
        """The address of one instance leads to its name, in both kinds of addresses."""
        self.assertEqual("1.web.myapp.container", whose(self.zone, "10.0.0.1"))
        self.assertEqual("1.web.myapp.container", whose(self.zone, "fd00::1"))
        self.assertEqual("1.db.myapp.container", whose(self.zone, "10.0.0.3"))

    def test_form(self) -> None:
        """The answer is ours, not to be kept, and at the name as it was asked."""
        answer = ask(self.zone, "1.0.0.10.IN-addr.ARPA")
        assert answer is not None
        (owned,) = answer.answers
        self.assertEqual(Answer(NOERROR, True, answers=(owned,)), answer)
        self.assertEqual(labels("1.0.0.10.IN-addr.ARPA"), owned.owner)
        self.assertEqual((PTR, INSTANCE_TTL), (owned.rrset.type, owned.rrset.ttl))

    def test_unknown(self) -> None:
        """An address that no instance publishes is none of ours."""
        self.assertIsNone(ask(self.zone, pointer("10.0.0.4")))
        self.assertIsNone(ask(self.zone, pointer("fd00::2")))

    def test_several(self) -> None:
        """An address of more than one instance leads to none, whether of one service or of several."""
        same = Zone.of([*ALONE, running("3.web.myapp", "10.0.0.2")], serial=7)
        self.assertIsNone(whose(same, "10.0.0.2"))
        other = Zone.of([*ALONE, running("2.db.myapp", "10.0.0.2")], serial=7)
        self.assertIsNone(whose(other, "10.0.0.2"))
        self.assertEqual("1.web.myapp.container", whose(other, "10.0.0.1"))

    def test_unhealthy(self) -> None:
        """An instance that fails its check does not count."""
        zone = Zone.of([*ALONE, running("3.web.myapp", "10.0.0.2", healthy=False)], serial=7)
        self.assertEqual("2.web.myapp.container", whose(zone, "10.0.0.2"))
        self.assertIsNone(whose(Zone.of([running("1.web.myapp", "10.0.0.2", healthy=False)], serial=7), "10.0.0.2"))

    def test_spellings(self) -> None:
        """An address that one instance gives twice, in two spellings, is one address of one instance."""
        zone = Zone.of([running("1.web.myapp", "fd00::1 FD00:0::1 fd00::1")], serial=7)
        self.assertEqual("1.web.myapp.container", whose(zone, "fd00::1"))

    def test_other_types(self) -> None:
        """The name is a zone of its own: it has SOA and NS, its SOA stands in negative answers, ANY gets the PTR."""
        name = "1.0.0.10.in-addr.arpa"
        found = {kind: ask(self.zone, name, kind) for kind in ("ANY", "SOA", "NS", "A", "TXT")}
        sets = {kind: [(o.owner, o.rrset.type) for o in answer.answers] for kind, answer in found.items() if answer}
        owner = labels(name)
        expected = {"ANY": [(owner, PTR)], "SOA": [(owner, SOA)], "NS": [(owner, NS)], "A": [], "TXT": []}
        self.assertEqual(expected, sets)
        negative = found["A"]
        assert negative is not None
        self.assertEqual((NOERROR, True), (negative.rcode, negative.authoritative))
        self.assertEqual([(owner, self.zone.soa)], [(o.owner, o.rrset) for o in negative.authority])

    def test_name_server(self) -> None:
        """The name server of such a name is that of the zone, with its addresses."""
        zone = Zone.of(ALONE, serial=7, addresses=("10.0.0.9",))
        answer = ask(zone, "1.0.0.10.in-addr.arpa", "NS")
        assert answer is not None
        self.assertEqual([((NAMESERVER,), APEX_TTL)], [(o.rrset.data, o.rrset.ttl) for o in answer.answers])
        self.assertEqual([("10.0.0.9",)], [o.rrset.data for o in answer.additional])

    def test_around(self) -> None:
        """Names above and below, and names that are no address, are none of ours."""
        for name in ("0.0.10.in-addr.arpa", "x.1.0.0.10.in-addr.arpa", "in-addr.arpa", "arpa", ".", "1.0.0.10", "a.b"):
            self.assertIsNone(ask(self.zone, name), name)


class ServerTests(SynchronousTestCase):
    """The answers that clients get."""

    def test_every_client(self) -> None:
        """Every client gets the name, whether or not other names are forwarded for it."""
        answer = "A 1.0.0.10.IN-ADDR.arpa. 0 PTR 1.web.myapp.container."
        for client, code in ((CLIENT, "NOERROR AA RD RA"), (STRANGER, "NOERROR AA RD")):
            query = question("1.0.0.10.IN-ADDR.arpa", "PTR")
            self.assertEqual([code, answer], said(Nameserver().ask(query, client)))

    def test_negative(self) -> None:
        """Another type is answered with the SOA of that very name."""
        soa = "a.ns.dns.container. hostmaster.container. 7 3600 600 86400 1"
        expected = ["NOERROR AA RD RA", f"N 1.0.0.10.in-addr.arpa. 1 SOA {soa}"]
        self.assertEqual(expected, said(Nameserver().ask(question("1.0.0.10.in-addr.arpa", "TXT"))))

    def test_several(self) -> None:
        """An address of several instances is one of a private network like any other, and strangers are refused."""
        query = question("2.0.0.10.in-addr.arpa", "PTR")
        self.assertEqual("NXDOMAIN AA RD RA", said(Nameserver().ask(query))[0])
        self.assertEqual(["REFUSED RD"], said(Nameserver().ask(query, STRANGER)))


class NameTests(SynchronousTestCase):
    """``address_of``"""

    def test_addresses(self) -> None:
        """Octets and nibbles from the last to the first."""
        self.assertEqual("192.0.2.77", address_of(labels("77.2.0.192.in-addr.arpa")))
        self.assertEqual("2001:db8::f", address_of(labels(f"f.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa")))

    def test_none(self) -> None:
        """Names that no address is written like: other numbers of labels, leading zeros, signs, letters, loopback."""
        names = ["0.192.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "01.2.3.4.in-addr.arpa", "256.2.3.4.in-addr.arpa"]
        names += ["-1.2.3.4.in-addr.arpa", "+1.2.3.4.in-addr.arpa", "a.2.3.4.in-addr.arpa", "1.0.0.127.in-addr.arpa"]
        names += [f"{'0.' * 31}ip6.arpa", f"{'0.' * 33}ip6.arpa", f"{'g.' * 32}ip6.arpa", f"{'00.' * 32}ip6.arpa"]
        names += [
            f"{'00.' * 16}ip6.arpa",
            f"1.{'0.' * 31}ip6.arpa",
            f"{'1.' * 31} .ip6.arpa",
            f"{'1.' * 30} .11.ip6.arpa",
            "4.3.2.1.ip6.arpa",
            "1.2.3.4.in-addr.example",
        ]
        self.assertEqual([], [name for name in names if address_of(labels(name)) is not None])

    def test_labels_with_dots(self) -> None:
        """A dot inside a label is a letter like any other."""
        self.assertIsNone(address_of((b"4.3", b"2", b"1", b"in-addr", b"arpa")))
        self.assertIsNone(address_of((b"4.3", b"2.1", b"in-addr", b"arpa")))
        self.assertIsNone(address_of((b"\xb2", b"3", b"2", b"1", b"in-addr", b"arpa")))

    @given(st.ip_addresses())
    def test_any(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        """Every address is read back from the name that the standard library gives it."""
        expected = None if address.is_loopback else str(address)
        self.assertEqual(expected, address_of(labels(address.reverse_pointer)))


PLACES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]), st.booleans()))
CHANGES = st.lists(st.tuples(st.sampled_from([WEB, DB]), PLACES, st.booleans()), max_size=6)


def runnings(service: ServiceName, places: list[tuple[int, str, bool]]) -> list[Running]:
    return [running(f"{number}.{service}", address, healthy=healthy) for number, address, healthy in places]


class ChangeTests(SynchronousTestCase):
    """``Hosts`` from one zone to the next."""

    def test_replace(self) -> None:
        """An instance that comes to an address takes its name away, one that goes gives it back."""
        zone = Zone.of(ALONE, serial=7)
        shared = zone.replace(DB, [running("1.db.myapp", "10.0.0.1")])
        self.assertEqual([None, None], [whose(shared, "10.0.0.1"), whose(shared, "10.0.0.3")])
        again = shared.replace(WEB, [], declared=False)
        self.assertEqual("1.db.myapp.container", whose(again, "10.0.0.1"))
        self.assertEqual("1.web.myapp.container", whose(zone, "10.0.0.1"))

    def test_the_rest_is_shared(self) -> None:
        """A change that moves no instance costs nothing here."""
        zone = Zone.of(ALONE, serial=7)
        self.assertIs(zone.hosts, zone.replace(WEB, [one for one in ALONE if one.instance.service == WEB]).hosts)

    @given(CHANGES)
    def test_like_from_scratch(self, changes: list[tuple[ServiceName, list[tuple[int, str, bool]], bool]]) -> None:
        """After any changes the addresses are those of what runs in the end."""
        zone, last = Zone.of((), serial=1), dict[ServiceName, list[Running]]()
        for service, places, declared in changes:
            last[service] = runnings(service, places)
            zone = zone.replace(service, last[service], declared=declared)
        self.assertEqual(Zone.of([one for ones in last.values() for one in ones], serial=1).hosts, zone.hosts)
