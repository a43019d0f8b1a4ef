"""``daprdockr.dns.forwarding.upstreams``: whom it asks, in which order, how long, and what becomes of failures."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.forwarded import Asked, Reply
from daprdockr.dns.forwarding.upstreams import CROWDED_SECONDS, MAX_RACING, STAGGER_SECONDS, TOTAL_SECONDS, Upstreams
from tests.build.dns_samples import question, read
from tests.fakes.exchange import FakeExchange

FIRST, SECOND, THIRD, FOURTH = (Endpoint(f"192.0.2.{number}") for number in range(1, 5))


class UpstreamsTestCase(SynchronousTestCase):
    """Two upstreams, unless a test wants others."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = FakeExchange()
        self.build(FIRST, SECOND)

    def build(self, *endpoints: Endpoint) -> None:
        ids = iter(range(1, 100_000))
        self.upstreams = Upstreams(self.clock, NameServers(endpoints), self.exchange, lambda: next(ids))

    def ask(self, name: str = "example.com") -> Deferred[Reply | None]:
        asking = Deferred.fromCoroutine(self.upstreams.ask(Asked.of(read(question(name).to_wire()))))
        self.addCleanup(asking.addErrback, lambda failure: failure.trap(CancelledError) and None)
        self.addCleanup(asking.cancel)
        return asking

    def rcode(self, asking: Deferred[Reply | None]) -> int:
        """The code of the reply, with which all else is over."""
        reply = self.successResultOf(asking)
        assert reply is not None
        self.check_over()
        return reply.rcode

    def check_over(self) -> None:
        self.assertEqual([], self.exchange.open())
        self.assertEqual([], self.clock.getDelayedCalls())

    def advance(self, seconds: float) -> None:
        """In small steps, as time goes."""
        self.clock.pump([0.05] * round(seconds / 0.05))


class RaceTests(UpstreamsTestCase):
    """The times at which upstreams are asked, and the one whose reply is used."""

    def test_reply(self) -> None:
        """A reply of the first upstream is all that is needed."""
        asking = self.ask()
        self.assertNoResult(asking)
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))
        self.assertEqual([("udp", FIRST)], self.exchange.whom())

    def test_silence(self) -> None:
        """After a moment of silence the next upstream is asked as well, with another id, and wins if it is faster."""
        asking = self.ask()
        self.clock.advance(STAGGER_SECONDS - 0.01)
        self.assertEqual([FIRST], self.exchange.open())
        self.clock.advance(0.01)
        self.assertEqual([FIRST, SECOND], self.exchange.open())
        self.assertEqual(2, len({message[:2] for _, _, message in self.exchange.asked}))
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))
        self.assertEqual([0], self.exchange.cancelled)

    def test_many_silent(self) -> None:
        """Three that are silent do not keep the fourth from being asked while a client still waits."""
        self.build(FIRST, SECOND, THIRD, FOURTH)
        asking = self.ask()
        for _ in range(3):
            self.clock.advance(STAGGER_SECONDS)
        self.assertEqual([FIRST, SECOND, THIRD], self.exchange.open())
        self.clock.advance(CROWDED_SECONDS)
        self.assertEqual([FIRST, SECOND, THIRD, FOURTH], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_first_not_given_up(self) -> None:
        """The first upstream may still win after the second was asked."""
        asking = self.ask()
        self.clock.advance(STAGGER_SECONDS)
        self.exchange.answer(which=0)
        self.assertEqual(0, self.rcode(asking))
        self.assertEqual([1], self.exchange.cancelled)

    def test_unreachable(self) -> None:
        """An upstream that cannot be reached is left at once."""
        asking = self.ask()
        self.exchange.fail()
        self.assertEqual([SECOND], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_silence_and_failure(self) -> None:
        """When one is silent and another one fails, the next one is asked at once."""
        self.build(FIRST, SECOND, THIRD)
        asking = self.ask()
        self.clock.advance(STAGGER_SECONDS)
        self.exchange.fail(1)
        self.assertEqual([FIRST, THIRD], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_preferred(self) -> None:
        """A dead first upstream delays the questions of its first moment, none after it."""
        early = [self.ask(), self.ask("early.example.com")]
        self.clock.advance(STAGGER_SECONDS)
        self.exchange.answer(which=2)
        self.exchange.answer(which=3)
        self.assertEqual([0, 0], [self.rcode(asking) for asking in early])
        later = self.ask("later.example.com")
        self.assertEqual([SECOND], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(later))

    def test_preferred_fails(self) -> None:
        """When the preferred upstream falls silent, the other one is asked after the same moment, and preferred."""
        self.ask()
        self.exchange.fail()
        self.exchange.answer()
        again = self.ask()
        self.clock.advance(STAGGER_SECONDS)
        self.assertEqual([SECOND, FIRST], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(again))
        self.ask()
        self.assertEqual([FIRST], self.exchange.open())

    def test_one_try_at_each(self) -> None:
        """A silent upstream is asked once, until the end: what comes back to that counts."""
        asking = self.ask()
        self.advance(TOTAL_SECONDS - 0.1)
        self.assertEqual([FIRST, SECOND], self.exchange.open())
        self.assertEqual(2, len(self.exchange.asked))
        self.exchange.answer(which=0)
        self.assertEqual(0, self.rcode(asking))

    def test_slow(self) -> None:
        """An upstream that takes its time with each of its replies, by UDP and by TCP, is waited for."""
        self.build(FIRST)
        for seconds in (1.2, 2.0, 3.2):
            asking = self.ask()
            self.advance(seconds)
            self.exchange.answer(cut=True)
            self.advance(seconds)
            self.exchange.answer()
            self.assertEqual(0, self.rcode(asking))

    def test_nobody(self) -> None:
        """When nobody replies that is said when no reply is worth waiting for any more."""
        asking = self.ask()
        self.advance(TOTAL_SECONDS - 0.1)
        self.assertNoResult(asking)
        self.advance(0.2)
        self.assertIsNone(self.successResultOf(asking))
        self.check_over()

    def test_all_unreachable(self) -> None:
        """When no upstream can be reached that is said at once."""
        asking = self.ask()
        self.exchange.fail()
        self.exchange.fail()
        self.assertIsNone(self.successResultOf(asking))
        self.check_over()

    def test_single_upstream(self) -> None:
        """A single upstream is waited for without a second try."""
        self.build(FIRST)
        asking = self.ask()
        self.advance(TOTAL_SECONDS / 2)
        self.assertEqual([("udp", FIRST)], self.exchange.whom())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_many_upstreams(self) -> None:
        """In the first moments so many upstreams are asked and no more; the next has its turn when one is out."""
        self.build(FIRST, SECOND, THIRD, FOURTH)
        asking = self.ask()
        self.advance(1.0)
        self.assertEqual([FIRST, SECOND, THIRD][:MAX_RACING], self.exchange.open())
        self.exchange.fail(0)
        self.assertEqual([SECOND, THIRD, FOURTH], self.exchange.open())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_cancelled(self) -> None:
        """A question that is given up ends all its tries."""
        asking = self.ask()
        self.clock.advance(STAGGER_SECONDS)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual([0, 1], self.exchange.cancelled)
        self.check_over()


class ReplyTests(UpstreamsTestCase):
    """Messages that count as a reply."""

    def test_failure_of_one(self) -> None:
        """SERVFAIL or REFUSED of one upstream is not the last word."""
        for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
            asking = self.ask()
            self.exchange.answer(rcode)
            self.exchange.answer()
            self.assertEqual(0, self.rcode(asking))

    def test_failure_of_all(self) -> None:
        """When all fail, the first failure is passed on as it is, each having been asked once."""
        asking = self.ask()
        self.exchange.answer(dns.rcode.REFUSED)
        self.exchange.answer(dns.rcode.SERVFAIL)
        self.assertEqual(dns.rcode.REFUSED, self.rcode(asking))
        self.assertEqual(2, len(self.exchange.asked))

    def test_failure_and_silence(self) -> None:
        """The failure of one is passed on when the time of the other is over."""
        asking = self.ask()
        self.exchange.answer(dns.rcode.SERVFAIL)
        self.advance(TOTAL_SECONDS + 0.1)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(asking))

    def test_no_such_name(self) -> None:
        """NXDOMAIN is an answer: no other upstream is asked."""
        asking = self.ask()
        self.exchange.answer(dns.rcode.NXDOMAIN)
        self.assertEqual(dns.rcode.NXDOMAIN, self.rcode(asking))
        self.assertEqual(1, len(self.exchange.asked))

    def test_cut(self) -> None:
        """A reply that was cut is asked for again over TCP, and the whole one counts."""
        asking = self.ask()
        self.exchange.answer(cut=True)
        self.assertEqual([("udp", FIRST), ("tcp", FIRST)], self.exchange.whom())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_cut_within_a_record(self) -> None:
        """The same holds for a reply that ends in the middle of a record, as some servers cut theirs."""
        asking = self.ask()
        response = dns.message.make_response(dns.message.from_wire(self.exchange.asked[-1][2]))
        response.answer.append(dns.rrset.from_text("example.com.", 60, "IN", "A", "192.0.2.9", "192.0.2.8"))
        response.flags |= dns.flags.TC
        self.exchange.replies[-1].callback(response.to_wire()[:-20])
        self.assertEqual([("udp", FIRST), ("tcp", FIRST)], self.exchange.whom())
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_cut_and_no_stream(self) -> None:
        """An upstream that cuts its reply and takes no TCP is left for the next one."""
        asking = self.ask()
        self.exchange.answer(cut=True)
        self.exchange.fail()
        self.assertEqual(("udp", SECOND), self.exchange.whom()[-1])
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_upstream_without_edns(self) -> None:
        """An upstream that knows no OPT is asked again without one."""
        asking = self.ask()
        self.exchange.answer(dns.rcode.FORMERR, edns=False)
        self.assertEqual(("udp", FIRST), self.exchange.whom()[-1])
        self.assertEqual(-1, dns.message.from_wire(self.exchange.asked[-1][2]).edns)
        self.exchange.answer(edns=False)
        self.assertEqual(0, self.rcode(asking))

    def test_nonsense(self) -> None:
        """A reply that is no message counts as none."""
        asking = self.ask()
        message = self.exchange.asked[-1][2]
        self.exchange.replies[-1].callback(message[:2] + b"\x81\x80\0\1\0\1" + message[8:])
        self.exchange.answer()
        self.assertEqual(0, self.rcode(asking))

    def test_defect(self) -> None:
        """A defect of ours ends the question as what it is, and all its tries."""
        asking = self.ask()
        self.clock.advance(STAGGER_SECONDS)
        self.exchange.replies[1].errback(ZeroDivisionError())
        self.failureResultOf(asking, ZeroDivisionError)
        self.check_over()
