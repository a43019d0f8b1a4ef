"""Finished replies: what is kept, what is forgotten, and that nobody can tell a reply that was kept from a new one."""

from __future__ import annotations

from itertools import product

import dns.edns
import dns.flags
import dns.message
import dns.rcode
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.finished import ABSENT, FORWARDED, MAX_ABSENT, THE_ZONE, Finished, changed, may_be_kept
from daprdockr.dns.zone.zone import Running, Zone
from daprdockr.model.host import Port
from daprdockr.model.names import ServiceName
from tests.build.dns_samples import CLIENT, STRANGER, Nameserver, question, read, running, sample_zone


class FinishedTests(SynchronousTestCase):
    """``Finished``"""

    def test_kept(self) -> None:
        """A reply is found by its query."""
        finished = Finished()
        finished.put(b"query", [b"one", b"other"], (b"web", b"myapp"))
        self.assertEqual({b"query": [b"one", b"other"]}, finished.replies)

    def test_forgotten(self) -> None:
        """The replies of an owner go together, others stay, and what is forgotten takes no octets."""
        finished = Finished()
        empty = finished.octets
        for query, owner in [(b"1", (b"web", b"myapp")), (b"2", (b"web", b"myapp")), (b"3", (b"myapp",))]:
            finished.put(query, [b"reply"], owner)
        finished.forget([(b"web", b"myapp"), (b"nobody",)])
        self.assertEqual([b"3"], list(finished.replies))
        finished.forget([(b"myapp",)])
        self.assertEqual(({}, empty), (finished.replies, finished.octets))

    def test_twice(self) -> None:
        """A query that is kept already stays as it is."""
        finished = Finished()
        finished.put(b"1", [b"first"], FORWARDED)
        finished.put(b"1", [b"second"], FORWARDED)
        self.assertEqual({b"1": [b"first"]}, finished.replies)
        finished.forget([FORWARDED])
        self.assertEqual((0, {}), (finished.octets, finished.replies))

    def test_bounded(self) -> None:
        """When there is no room left all are forgotten but the newest; the octets never exceed the bound."""
        finished = Finished(max_octets=10_000)
        for number in range(100):
            finished.put(b"%d" % number, [b"x" * 1000], (b"web", b"myapp"))
            self.assertLessEqual(finished.octets, 10_000)
            self.assertIn(b"%d" % number, finished.replies)
        self.assertGreater(len(finished.replies), 1)

    def test_absent_names(self) -> None:
        """Names that do not exist displace nothing: the first are kept, until there is another zone."""
        finished = Finished()
        finished.put(b"there", [b"reply"], (b"web", b"myapp"))
        for number in range(MAX_ABSENT + 1):
            finished.put(b"%d" % number, [b"no"], ABSENT)
        self.assertEqual(1 + MAX_ABSENT, len(finished.replies))
        self.assertNotIn(b"%d" % MAX_ABSENT, finished.replies)
        finished.forget([ABSENT])
        finished.put(b"new", [b"no"], ABSENT)
        self.assertEqual([b"there", b"new"], list(finished.replies))

    def test_what_comes_again(self) -> None:
        """Queries in mixed case or with options are not kept, those in lower case with or without OPT are."""
        option = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
        for name, options, expected in [
            ("web.myapp.container", [], True),
            ("wEb.myapp.container", [], False),
            ("web.myapp.container", [option], False),
        ]:
            packet = question(name, edns=0 if options else False, options=options).to_wire()
            self.assertEqual(expected, may_be_kept(packet, read(packet)))
        packet = question("web.myapp.container", edns=0, dnssec=True).to_wire()
        self.assertTrue(may_be_kept(packet, read(packet)))


class ChangedTests(SynchronousTestCase):
    """``changed``"""

    def test_service(self) -> None:
        """A changed service is an owner, with its group, its zone and the names that did not exist."""
        zone = sample_zone()
        after = zone.replace(ServiceName.parse("web.myapp"), [])
        expected = {THE_ZONE, ABSENT, (b"myapp",), (b"web", b"myapp")}
        self.assertEqual(expected, set(changed(zone, after)))

    def test_come_and_gone(self) -> None:
        """So are services that came or went, alone in their group or not."""
        zone = sample_zone()
        after = zone.replace(ServiceName.parse("x.new"), [running("1.x.new", "10.0.0.1")])
        for old, new in [(zone, after), (after, zone)]:
            self.assertEqual({THE_ZONE, ABSENT, (b"new",), (b"x", b"new")}, set(changed(old, new)))


NAMES = [
    "container",
    "a.ns.dns.container",
    "quiet.container",
    *(f"{prefix}myapp.container" for prefix in ["", "web.", "db.", "nope.", "1.web.", "2.web.", "4.web.", "tcp.web."]),
    *(f"8080.tcp.{prefix}myapp.container" for prefix in ["web.", "1.web.", "db.", "4.web."]),
    "1.x.other.container",
]
KINDS = ["A", "AAAA", "SRV", "SOA", "NS", "ANY"]
QUESTIONS = [
    question(name, kind, edns=edns, flags=flags).to_wire()
    for name, kind, edns, flags in product(NAMES, KINDS, (False, 0), (0, dns.flags.RD))
]
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3 fd00::3"])
SERVICES = ["web.myapp", "db.myapp", "x.other"]


@st.composite
def changes(draw: st.DrawFn) -> tuple[ServiceName, list[Running], bool]:
    """The new form of a service."""
    service = draw(st.sampled_from(SERVICES))
    numbers = draw(st.sets(st.integers(1, 4)))
    ones = [running(f"{n}.{service}", draw(ADDRESSES), Port(8080, "tcp", 32000 + n)) for n in sorted(numbers)]
    return ServiceName.parse(service), ones, draw(st.booleans())


class SameTests(SynchronousTestCase):
    """A kept reply is the same as one made anew."""

    @settings(max_examples=15, deadline=None)
    @given(st.lists(changes(), min_size=1, max_size=4), st.integers(0, 7))
    def test_every_change(self, steps: list[tuple[ServiceName, list[Running], bool]], rotation: int) -> None:
        """After each change every query has, asked once or more, the reply of a nameserver that was just started."""
        zone: Zone = sample_zone()
        old = Nameserver(zone)
        for service, ones, declared in steps:
            zone = zone.replace(service, ones, declared=declared)
            old.authority.publish(zone)
            new = Nameserver(zone)
            old.rotation = new.rotation = rotation
            for packet in QUESTIONS:
                replies = {*old.send(packet), *old.send(packet), *new.send(packet)}
                self.assertEqual(1, len(replies), packet)
        self.assertGreater(old.authority.counts.finished, len(QUESTIONS) // 2)

    def test_moved(self) -> None:
        """When the node has another address its name server has it too, also for a client that asked before."""
        zone = Zone.of([running("1.web.myapp", "10.0.0.1")], serial=1, addresses=["10.0.0.1"])
        old = Nameserver(zone)
        asked = [packet for packet in QUESTIONS if b"\x01a\x02ns\x03dns" in packet]
        before = [old.send(packet) for packet in asked]
        old.authority.publish(zone.moved(["10.0.0.9"]))
        new = Nameserver(zone.moved(["10.0.0.9"]))
        after = [old.send(packet) for packet in asked]
        self.assertEqual(after, [new.send(packet) for packet in asked])
        self.assertNotEqual(after, before)

    def test_large(self) -> None:
        """A set whose rotations would take too much is answered anew each time, in each order."""
        nameserver = Nameserver(Zone.of([running(f"{n}.web.crowd", f"10.1.0.{n}") for n in range(1, 61)], serial=1))
        message = question("web.crowd.container", edns=0)
        for nameserver.rotation in (0, 59, 61):
            first = nameserver.ask(message).answer[0][0].to_text()
            self.assertEqual(f"10.1.0.{nameserver.rotation % 60 + 1}", first)
        self.assertEqual((3, 0), (nameserver.authority.counts.queries, nameserver.authority.counts.finished))

    def test_strangers(self) -> None:
        """A reply that was finished for a client who may recurse is not sent to one who may not."""
        nameserver = Nameserver()
        packet = question("1.web.myapp.container").to_wire()
        replies = [nameserver.send(packet, client)[0] for client in (CLIENT, STRANGER, CLIENT, STRANGER)]
        self.assertEqual((replies[0], replies[1]), (replies[2], replies[3]))
        self.assertNotEqual(replies[0], replies[1])
        self.assertEqual(2, nameserver.authority.counts.finished)

    def test_identity(self) -> None:
        """Each reply has the id of its own query."""
        nameserver = Nameserver()
        message = question("1.web.myapp.container")
        for message.id in (1, 2, 65535):
            self.assertEqual(message.id, nameserver.ask(message).id)

    def test_forwarded(self) -> None:
        """A reply of an upstream is sent as it was for the rest of the second, and then asked for again."""
        nameserver = Nameserver()
        message = question("example.org")
        nameserver.forwarder.known = answer_of(message)
        for seconds, asked in [(0.0, 1), (0.25, 1), (0.5, 1), (0.5, 2)]:
            nameserver.reactor.advance(seconds)
            nameserver.ask(message)
            self.assertEqual(asked, nameserver.forwarder.cached_asked)
        self.assertEqual(dns.rcode.REFUSED, nameserver.ask(message, STRANGER).rcode())


def answer_of(message: dns.message.Message) -> bytes:
    """The packet of a reply as ``Forwarder.cached`` returns it."""
    return dns.message.make_response(message).to_wire()
