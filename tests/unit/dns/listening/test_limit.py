"""``daprdockr.dns.listening.limit``, and what strangers get of an authority: how many answers, and how large ones."""

from __future__ import annotations

import sys
from collections import Counter

import dns.flags
import dns.message
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.listening.limit import BURST, GROWTH, RATE, STRANGER_SIZE, Limiter, Verdict, network
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from tests.build.dns_samples import CLIENT, STRANGER, Nameserver, connected, framed, question, running, unframed

CROWD = Zone.of(
    [
        running(f"{n}.{service}.crowd", f"10.1.0.{n} fd00::{n:x}", Port(80, "tcp", 1000 + n))
        for service, count in (("web", 200), ("db", 15))
        for n in range(1, count + 1)
    ],
    serial=1,
)
NAMES = ["container", "crowd.container", "web.crowd.container", "80.tcp.web.crowd.container", "1.web.crowd.container"]
NAMES += [
    "db.crowd.container",
    "80.tcp.db.crowd.container",
    "80.tcp.1.web.crowd.container",
    "no.container",
    f"{'x' * 63}.{'y' * 63}.{'z' * 63}.container",
]
KINDS = ("A", "AAAA", "SRV", "ANY", "SOA", "NS", "TXT")


class LimiterTests(SynchronousTestCase):
    """``Limiter``"""

    def setUp(self) -> None:
        self.chance = 0
        self.limiter = Limiter(lambda: self.chance)

    def ask(self, times: int, now: float, address: str = "203.0.113.5") -> int:
        """How many whole answers so many questions get."""
        return sum(self.limiter.verdict(address, now) is Verdict.WHOLE for _ in range(times))

    def test_rate(self) -> None:
        """A network gets some answers at once, then so many in a second, and after a silence some at once again."""
        self.assertEqual(BURST, self.ask(1000, 50.0))
        self.assertEqual(RATE, self.ask(1000, 51.0))
        self.assertEqual(RATE // 2, self.ask(1000, 51.5))
        self.assertEqual(BURST, self.ask(1000, 500.0))

    def test_network(self) -> None:
        """Addresses of one network count together, others do not."""
        for one, other, stranger in (
            ("203.0.113.5", "203.0.113.250", "203.0.114.5"),
            ("2001:db8:0:1::1", "2001:db8:0:ff::2", "2001:db8:0:100::1"),
            ("::ffff:198.51.100.1", "198.51.100.2", "::1"),
        ):
            self.ask(1000, 0.0, one)
            self.assertEqual(0, self.ask(1, 0.0, other))
            self.assertEqual(BURST, self.ask(1000, 0.0, stranger))

    def test_beyond(self) -> None:
        """Of what is too much a part is answered cut, the rest not at all, by chance."""
        self.ask(BURST, 0.0)
        for self.chance, verdict in ((0, Verdict.NOTHING), (1, Verdict.CUT)):
            self.assertIs(verdict, self.limiter.verdict("203.0.113.5", 0.0))

    def test_clock_goes_back(self) -> None:
        """A clock that goes back keeps nobody waiting until it is where it was."""
        self.ask(1000, 1e6)
        self.assertEqual(BURST, self.ask(1000, 10.0))

    def test_bounded(self) -> None:
        """Any number of networks takes the same memory, and hardly any of them finds its place taken."""
        whole = 0
        for number in range(20_000):
            whole += self.ask(2, number / 1e4, f"{number >> 8}.{number & 255}.0.1")
        self.assertGreater(whole, 39_000)
        self.assertLess(sum(sys.getsizeof(value) for value in vars(self.limiter).values()), 2**20)

    def test_scope(self) -> None:
        """An address may name its interface."""
        self.assertEqual(network("fe80::1"), network("fe80::1%eth0"))


class StrangersTests(SynchronousTestCase):
    """Strangers ask an authority."""

    def setUp(self) -> None:
        self.nameserver = Nameserver(CROWD)

    def test_size(self) -> None:
        """By UDP no answer is much longer than its question; one that would be says that it was cut."""
        for name in NAMES:
            for kind in KINDS:
                for edns in (False, 0):
                    self.nameserver.reactor.advance(1)
                    packet = question(name, kind, edns=edns, size=4096).to_wire()
                    (reply,) = self.nameserver.send(packet, STRANGER)
                    self.assertLessEqual(len(reply), max(STRANGER_SIZE, GROWTH * len(packet)), (name, kind))
                    (again,) = self.nameserver.send(packet, STRANGER)
                    self.assertEqual(len(reply), len(again))
                    whole = dns.message.from_wire(self.nameserver.send(packet)[0])
                    cut = dns.message.from_wire(reply)
                    self.assertEqual(whole.rcode(), cut.rcode())
                    if not cut.flags & dns.flags.TC:
                        self.assertEqual([len(one) for one in whole.answer], [len(one) for one in cut.answer])

    def test_small_answers(self) -> None:
        """The commonest questions are answered whole: an instance, its port, a name that does not exist."""
        asked = [("1.web.crowd.container", "A"), ("80.tcp.1.web.crowd.container", "SRV"), ("no.container", "A")]
        for name, kind in [*asked, ("1.web.crowd.container", "ANY"), ("container", "SOA")]:
            self.assertFalse(self.nameserver.ask(question(name, kind), STRANGER).flags & dns.flags.TC, name)

    def test_rate(self) -> None:
        """Too frequent queries are dropped or answered cut, whatever they ask; other clients are served as before."""
        asked = [question(name).to_wire() for name in NAMES[2:7]] + [b"\0\1" + bytes(10), b"\0\1\x78" + bytes(9)]
        packets = [asked[number % len(asked)] for number in range(3 * BURST)]
        lengths = []
        for self.nameserver.rotation, packet in enumerate(packets):
            lengths += [len(reply) - len(packet) for reply in self.nameserver.send(packet, STRANGER)]
        self.assertLess(Counter(length > 0 for length in lengths)[True], BURST)
        self.assertEqual(2 * BURST, len(lengths))
        self.assertEqual(2 * BURST, self.nameserver.authority.counts.limited)
        for client in (CLIENT, ("198.51.100.1", 53)):
            self.assertEqual(1, len(self.nameserver.send(packets[0], client)))

    def test_not_for_long(self) -> None:
        """An answer that was cut because there were too many is whole when there are no more."""
        self.nameserver.rotation = 1
        query = question("1.web.crowd.container")
        for _ in range(BURST + 1):
            answer = self.nameserver.ask(query, STRANGER)
        self.assertEqual((dns.flags.TC, []), (answer.flags & dns.flags.TC, answer.answer))
        self.nameserver.reactor.advance(1)
        self.assertEqual(1, len(self.nameserver.ask(query, STRANGER).answer))

    def test_stream(self) -> None:
        """By TCP there is no limit: its sender is who he says he is."""
        stream, transport = connected(self.nameserver, STRANGER[0])
        packet = question("80.tcp.web.crowd.container", "SRV").to_wire()
        for _ in range(2 * BURST):
            transport.clear()
            stream.dataReceived(framed(packet))
            (reply,) = unframed(transport.value())
            self.assertGreater(len(reply), 4096)

    def test_allowed(self) -> None:
        """An allowed client gets as many answers as it asks for, also where no names are forwarded."""
        for nameserver in (self.nameserver, Nameserver(CROWD, forwards=False)):
            packets = [question(f"{number}.web.crowd.container").to_wire() for number in range(1, 201)]
            self.assertEqual(10 * 200, sum(len(nameserver.send(packet)) for packet in 10 * packets))
            self.assertEqual(0, nameserver.authority.counts.limited)
