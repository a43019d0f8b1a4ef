"""``daprdockr.dns.forward``: whom it asks, in which order, how long, and what becomes of failures."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.cache import Cache
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.exchange import NoReply
from daprdockr.dns.forward import MAX_OPEN, MAX_WAITING, TOTAL_SECONDS, Forwarder
from tests.unit.dns_samples import question, read

FIRST, SECOND = Endpoint("192.0.2.1"), Endpoint("192.0.2.2")


class Upstreams:
    """Upstreams in memory; each question stays open until the test answers it or it is cancelled."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Endpoint, bytes]] = []
        self.replies: list[Deferred[bytes]] = []
        self.cancelled = 0

    async def over_datagram(self, upstream: Endpoint, message: bytes) -> bytes:
        return await self._ask("udp", upstream, message)

    async def over_stream(self, upstream: Endpoint, message: bytes) -> bytes:
        return await self._ask("tcp", upstream, message)

    def _ask(self, way: str, upstream: Endpoint, message: bytes) -> Deferred[bytes]:
        self.asked.append((way, upstream, message))
        reply: Deferred[bytes] = Deferred(self._cancel)
        self.replies.append(reply)
        return reply

    def _cancel(self, reply: Deferred[bytes]) -> None:
        self.cancelled += 1

    def answer(self, rcode: int = 0, *, cut: bool = False, edns: bool = True, ttl: int = 60) -> None:
        """Answer the question asked last."""
        query = dns.message.from_wire(self.asked[-1][2])
        message = dns.message.make_response(query, recursion_available=True)
        message.set_rcode(dns.rcode.Rcode(rcode))
        message.flags |= dns.flags.TC if cut else 0
        if rcode == 0:
            message.answer.append(dns.rrset.from_text(query.question[0].name, ttl, "IN", "A", "192.0.2.9"))
        message.use_edns(0 if edns else False)
        self.replies[-1].callback(message.to_wire())

    def fail(self) -> None:
        self.replies[-1].errback(NoReply("gone"))

    def whom(self) -> list[tuple[str, Endpoint]]:
        return [(way, upstream) for way, upstream, _ in self.asked]


class ForwarderTests(SynchronousTestCase):
    """``Forwarder``"""

    def setUp(self) -> None:
        self.clock = Clock()
        self.upstreams = Upstreams()
        self.forwarder = self.build(FIRST, SECOND)

    def build(self, *upstreams: Endpoint) -> Forwarder:
        ids = iter(range(1, 100_000))
        return Forwarder(self.clock, upstreams, self.upstreams, cache=Cache(), draw_id=lambda: next(ids) % 65536)

    def ask(self, name: str = "example.com", **how: int) -> Deferred[bytes | None]:
        return self.forwarder.ask(read(question(name, **how).to_wire()))  # type: ignore[arg-type]  # checked there

    def rcode(self, reply: Deferred[bytes | None]) -> int:
        packet = self.successResultOf(reply)
        assert packet is not None
        return dns.message.from_wire(packet).rcode()

    def test_reply(self) -> None:
        """The first upstream's reply is handed over without its OPT record."""
        reply = self.ask()
        self.assertNoResult(reply)
        self.upstreams.answer()
        packet = self.successResultOf(reply)
        assert packet is not None
        message = dns.message.from_wire(packet)
        self.assertEqual((1, -1), (len(message.answer), message.edns))
        self.assertEqual([("udp", FIRST)], self.upstreams.whom())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_cached(self) -> None:
        """The same question is answered from the cache until the reply's time is over."""
        self.ask()
        self.upstreams.answer(ttl=60)
        self.clock.advance(59)
        self.successResultOf(self.ask("EXAMPLE.com"))
        self.assertEqual((1, 1), (self.forwarder.counts.asked, self.forwarder.counts.cached))
        self.clock.advance(1)
        self.assertNoResult(self.ask())
        self.assertEqual(2, len(self.upstreams.asked))

    def test_next_upstream(self) -> None:
        """An upstream that does not reply within a second is left for the next one, with another id."""
        reply = self.ask()
        self.clock.advance(1)
        self.assertEqual(1, self.upstreams.cancelled)
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))
        self.assertEqual([("udp", FIRST), ("udp", SECOND)], self.upstreams.whom())
        self.assertEqual(2, len({message[:2] for _, _, message in self.upstreams.asked}))

    def test_preferred(self) -> None:
        """Who answered last is asked first."""
        self.ask()
        self.clock.advance(1)
        self.upstreams.answer()
        self.ask("example.net")
        self.assertEqual(("udp", SECOND), self.upstreams.whom()[-1])

    def test_unreachable(self) -> None:
        """An upstream that can not be reached is left at once."""
        reply = self.ask()
        self.upstreams.fail()
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))

    def test_nobody(self) -> None:
        """When nobody replies the client hears so before it gives up itself."""
        reply = self.ask()
        for _ in range(3):
            self.clock.advance(1)
            self.assertNoResult(reply)
        self.clock.advance(TOTAL_SECONDS - 3)
        self.assertIsNone(self.successResultOf(reply))
        self.assertEqual(1, self.forwarder.counts.unanswered)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([FIRST, SECOND, FIRST, SECOND], [upstream for _, upstream in self.upstreams.whom()])

    def test_all_unreachable(self) -> None:
        """Upstreams that can not be reached are each tried a few times, not for ever."""
        reply = self.ask()
        for _ in range(6):
            self.assertNoResult(reply)
            self.upstreams.fail()
        self.assertIsNone(self.successResultOf(reply))

    def test_single_upstream(self) -> None:
        """A single upstream gets a second and a third chance."""
        self.forwarder = self.build(FIRST)
        reply = self.ask()
        self.clock.advance(1)
        self.clock.advance(1)
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))
        self.assertEqual([("udp", FIRST)] * 3, self.upstreams.whom())

    def test_failure_of_one(self) -> None:
        """SERVFAIL or REFUSED of one upstream is not the last word."""
        for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
            reply = self.ask(f"{int(rcode)}.example.com")
            self.upstreams.answer(rcode)
            self.upstreams.answer()
            self.assertEqual(0, self.rcode(reply))

    def test_failure_of_all(self) -> None:
        """When all fail, the first failure is passed on as it is, each having been asked once, and is not kept."""
        reply = self.ask()
        self.upstreams.answer(dns.rcode.REFUSED)
        self.upstreams.answer(dns.rcode.SERVFAIL)
        self.assertEqual(dns.rcode.REFUSED, self.rcode(reply))
        self.assertEqual(2, len(self.upstreams.asked))
        self.assertNoResult(self.ask())

    def test_no_such_name(self) -> None:
        """NXDOMAIN is an answer: no other upstream is asked."""
        reply = self.ask()
        self.upstreams.answer(dns.rcode.NXDOMAIN)
        self.assertEqual(dns.rcode.NXDOMAIN, self.rcode(reply))
        self.assertEqual(1, len(self.upstreams.asked))

    def test_cut(self) -> None:
        """A reply that was cut is asked for again over TCP, and the whole one is handed over."""
        reply = self.ask()
        self.upstreams.answer(cut=True)
        self.assertEqual([("udp", FIRST), ("tcp", FIRST)], self.upstreams.whom())
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))

    def test_cut_and_no_stream(self) -> None:
        """An upstream that cuts its reply and takes no TCP is left for the next one."""
        reply = self.ask()
        self.upstreams.answer(cut=True)
        self.upstreams.fail()
        self.assertEqual(("udp", SECOND), self.upstreams.whom()[-1])
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))

    def test_upstream_without_edns(self) -> None:
        """An upstream that knows no OPT is asked again without one."""
        reply = self.ask()
        self.upstreams.answer(dns.rcode.FORMERR, edns=False)
        self.assertEqual(("udp", FIRST), self.upstreams.whom()[-1])
        self.assertEqual(-1, dns.message.from_wire(self.upstreams.asked[-1][2]).edns)
        self.upstreams.answer(edns=False)
        self.assertEqual(0, self.rcode(reply))

    def test_nonsense(self) -> None:
        """A reply that is no message counts as none."""
        reply = self.ask()
        message = self.upstreams.asked[-1][2]
        self.upstreams.replies[-1].callback(message[:2] + b"\x81\x80\0\1\0\1" + message[8:])
        self.upstreams.answer()
        self.assertEqual(0, self.rcode(reply))

    def test_one_question_at_a_time(self) -> None:
        """Who asks what is being asked waits for the same reply."""
        replies = [self.ask(), self.ask("EXAMPLE.com"), self.ask(edns=0)]
        self.assertEqual(1, len(self.upstreams.asked))
        self.upstreams.answer()
        self.assertEqual([0, 0, 0], [self.rcode(reply) for reply in replies])

    def test_too_many_questions(self) -> None:
        """Beyond a number of open questions a new one gets no reply, and one that is open still does."""
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com")
        self.assertIsNone(self.successResultOf(self.ask("one.more.example.com")))
        self.assertEqual(MAX_OPEN, len(self.upstreams.asked))
        self.assertNoResult(self.ask("0.example.com"))
        self.assertEqual(1, self.forwarder.counts.overloaded)

    def test_too_many_clients(self) -> None:
        """Beyond a number of waiting clients another one gets no reply; when they have theirs, others may come."""
        for _ in range(MAX_WAITING):
            self.ask()
        self.assertIsNone(self.successResultOf(self.ask()))
        self.upstreams.answer(ttl=0)
        self.assertNoResult(self.ask())

    def test_stop(self) -> None:
        """At the end all open questions are given up and their clients get no reply."""
        replies = [self.ask(), self.ask("example.net")]
        self.successResultOf(self.forwarder.stop())
        self.assertEqual([None, None], [self.successResultOf(reply) for reply in replies])
        self.assertEqual(2, self.upstreams.cancelled)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_defect(self) -> None:
        """A defect of ours costs the question, is logged, and leaves the next one alone."""
        reply = self.ask()
        self.upstreams.replies[-1].errback(ZeroDivisionError())
        self.assertIsNone(self.successResultOf(reply))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertNoResult(self.ask())
