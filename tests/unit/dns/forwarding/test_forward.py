"""
``daprdockr.dns.forwarding.forward``: what is answered from the cache, what is asked, who waits, and what an outage
changes.
"""

from __future__ import annotations

from collections import Counter

import dns.message
import dns.rcode
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.cache import FAILURE_SECONDS, STALE_TTL, Cache
from daprdockr.dns.forwarding.forward import (
    ANSWER_SECONDS,
    OUTAGE_SECONDS,
    RECHECK_SECONDS,
    RESPONSE_SECONDS,
    ForwardCounts,
    Forwarder,
)
from daprdockr.dns.forwarding.shares import Client
from daprdockr.dns.forwarding.upstreams import TOTAL_SECONDS
from daprdockr.dns.forwarding.waiting import CHANCE_SECONDS, MAX_OPEN, MAX_WAITING
from daprdockr.dns.message.query import Query
from tests.build.dns_samples import question, read
from tests.fakes.exchange import FakeExchange

FIRST, SECOND = Endpoint("192.0.2.1"), Endpoint("192.0.2.2")
GREEDY, OTHER = "10.0.0.1", "10.0.0.2"


def query(name: str = "example.com", **how: int) -> Query:
    return read(question(name, **how).to_wire())  # type: ignore[arg-type]  # checked there


class ForwarderTestCase(SynchronousTestCase):
    """A forwarder to two upstreams in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = FakeExchange()
        ids = iter(range(1, 100_000))
        self.forwarder = Forwarder(
            self.clock, NameServers((FIRST, SECOND)), self.exchange, cache=Cache(), draw_id=lambda: next(ids) % 65536
        )
        self.addCleanup(lambda: self.successResultOf(self.forwarder.stop()))

    def ask(
        self, name: str = "example.com", client: str = OTHER, *, proven: bool = False, **how: int
    ) -> Deferred[bytes | None]:
        return self.forwarder.ask(query(name, **how), Client(client, proven))

    def message(self, reply: Deferred[bytes | None]) -> dns.message.Message:
        packet = self.successResultOf(reply)
        assert packet is not None
        return dns.message.from_wire(packet)

    def rcode(self, reply: Deferred[bytes | None]) -> int:
        return self.message(reply).rcode()

    def found(self, reply: Deferred[bytes | None]) -> tuple[str, int]:
        """The address of a reply, and its TTL."""
        (rrset,) = self.message(reply).answer
        return rrset[0].to_text(), rrset.ttl

    def count(self, **expected: int) -> None:
        self.assertEqual(ForwardCounts(**expected), self.forwarder.counts)

    def pass_time(self, seconds: float) -> None:
        """In small steps, as time goes."""
        self.clock.pump([0.1] * round(seconds * 10))

    def lose(self) -> None:
        """Neither upstream can be reached."""
        self.exchange.fail()
        self.exchange.fail()


class AskingTests(ForwarderTestCase):
    """``Forwarder.ask`` and ``Forwarder.cached`` while upstreams work."""

    def test_reply(self) -> None:
        """The reply is handed over without its OPT record."""
        reply = self.ask()
        self.assertNoResult(reply)
        self.exchange.answer()
        message = self.message(reply)
        self.assertEqual((1, -1), (len(message.answer), message.edns))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_cached(self) -> None:
        """The same question is answered at once until the reply's time is over."""
        self.assertIsNone(self.forwarder.cached(query()))
        self.ask()
        self.exchange.answer(ttl=60)
        self.clock.advance(59)
        packet = self.forwarder.cached(query("EXAMPLE.com"))
        assert packet is not None
        self.assertEqual(1, dns.message.from_wire(packet).answer[0].ttl)
        self.assertEqual(("192.0.2.9", 1), self.found(self.ask()))
        self.count(asked=1, cached=2)
        self.clock.advance(1)
        self.assertIsNone(self.forwarder.cached(query()))
        self.assertNoResult(self.ask())
        self.assertEqual(2, len(self.exchange.asked))

    def test_cached_negative(self) -> None:
        """So is one for a name that does not exist, as long as its SOA allows."""
        self.ask()
        self.exchange.answer(dns.rcode.NXDOMAIN)
        self.assertEqual(dns.rcode.NXDOMAIN, self.rcode(self.ask()))
        self.clock.advance(60)
        self.assertNoResult(self.ask())

    def test_nobody(self) -> None:
        """When nobody replies the client gets SERVFAIL before it gives up itself."""
        reply = self.ask()
        self.pass_time(ANSWER_SECONDS - 0.1)
        self.assertNoResult(reply)
        self.pass_time(0.2)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(self.ask()))
        self.pass_time(TOTAL_SECONDS - ANSWER_SECONDS)
        self.count(asked=1, cached=1, unanswered=1)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_other_upstreams(self) -> None:
        """A question that is open when the upstreams change is sent to the new ones, whose reply alone counts."""
        reply, third = self.ask(), Endpoint("192.0.2.3")
        self.clock.advance(1)
        self.forwarder.servers = NameServers((third,))
        self.assertEqual([third], self.exchange.open()[-1:])
        self.assertIn(0, self.exchange.cancelled)
        joined = self.ask(client=GREEDY)
        self.exchange.answer(last=3)
        self.assertEqual([("192.0.2.3", 60)] * 2, [self.found(reply), self.found(joined)])
        self.assertEqual(("192.0.2.3", 60), self.found(self.ask()))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_other_upstreams_are_slow(self) -> None:
        """A client waits no longer because the upstreams change, and gets its answer if they change late."""
        reply = self.ask()
        self.clock.advance(ANSWER_SECONDS - 1)
        self.forwarder.servers = NameServers((SECOND,))
        self.clock.advance(1)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.clock.advance(2)
        again = self.ask()
        self.forwarder.servers = NameServers((FIRST,))
        self.clock.advance(ANSWER_SECONDS)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(again))

    def test_no_upstreams_any_more(self) -> None:
        """An open question for which nobody is left to ask ends at once."""
        reply = self.ask()
        self.forwarder.servers = NameServers(())
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.assertEqual([0], self.exchange.cancelled)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_slow(self) -> None:
        """A reply that takes its time is used, as long as a client waits."""
        for seconds in (1.2, 3.2, ANSWER_SECONDS - 0.1):
            reply = self.ask(f"{seconds}.example.com")
            self.pass_time(seconds)
            self.exchange.answer(which=0 - len(self.exchange.open()))
            self.assertEqual(("192.0.2.9", 60), self.found(reply))

    def test_late(self) -> None:
        """A reply that comes after its client got SERVFAIL is there for clients that ask then."""
        reply = self.ask()
        self.pass_time(ANSWER_SECONDS + 0.1)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.exchange.answer(which=0)
        self.assertEqual("192.0.2.9", self.found(self.ask())[0])
        self.count(asked=1, cached=1)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_asked_again(self) -> None:
        """A client that asks again before the late reply waits for it; no new question is asked until all is over."""
        self.ask()
        self.pass_time(ANSWER_SECONDS + FAILURE_SECONDS + 0.1)
        waiting = self.ask()
        self.assertNoResult(waiting)
        self.assertEqual(2, len(self.exchange.asked))
        self.pass_time(TOTAL_SECONDS - ANSWER_SECONDS)
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(waiting))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_failure(self) -> None:
        """The failure of all upstreams is passed on, and for a moment to clients that ask again."""
        reply = self.ask()
        self.exchange.answer(dns.rcode.REFUSED)
        self.exchange.answer(dns.rcode.SERVFAIL)
        self.assertEqual(dns.rcode.REFUSED, self.rcode(reply))
        self.assertEqual(dns.rcode.REFUSED, self.rcode(self.ask()))
        self.clock.advance(FAILURE_SECONDS)
        self.assertNoResult(self.ask())

    def test_unreachable(self) -> None:
        """So is that no upstream can be reached."""
        reply = self.ask()
        self.lose()
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(self.ask("EXAMPLE.com", edns=0)))
        self.clock.advance(FAILURE_SECONDS)
        self.assertNoResult(self.ask())
        self.count(asked=2, unanswered=1, cached=1)

    def test_one_question_at_a_time(self) -> None:
        """A client whose question is under way already waits for the same reply."""
        replies = [self.ask(), self.ask("EXAMPLE.com"), self.ask(edns=0)]
        self.assertEqual(1, len(self.exchange.asked))
        self.exchange.answer()
        self.assertEqual([0, 0, 0], [self.rcode(reply) for reply in replies])

    def test_too_many_questions(self) -> None:
        """Beyond a number of open questions a new one gets no reply, and one that is open still does."""
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com")
        self.assertIsNone(self.successResultOf(self.ask("one.more.example.com")))
        self.assertEqual(MAX_OPEN, len(self.exchange.asked))
        self.assertNoResult(self.ask("0.example.com"))
        self.count(asked=MAX_OPEN, overloaded=1)

    def test_greedy_client(self) -> None:
        """Where one client has all places, another one's question takes that of its oldest."""
        replies = [self.ask(f"{number}.example.com", GREEDY) for number in range(MAX_OPEN)]
        mine = self.ask("mine.example.com")
        self.assertNoResult(mine)
        self.assertIsNone(self.successResultOf(replies[0]))
        self.assertNoResult(replies[1])
        self.assertEqual([0], self.exchange.cancelled)
        self.exchange.answer()
        self.assertEqual(("192.0.2.9", 60), self.found(mine))
        self.count(asked=MAX_OPEN + 1, overloaded=1)

    def test_greedy_client_goes_on(self) -> None:
        """A client that asks on and on displaces itself, at a pace that does not grow with its own."""
        mine = self.ask("mine.example.com")
        for number in range(MAX_OPEN + 500):
            self.ask(f"{number}.example.com", GREEDY)
        self.assertEqual(MAX_OPEN, len(self.exchange.asked))
        self.clock.advance(CHANCE_SECONDS)
        asked = len(self.exchange.asked)
        for number in range(MAX_OPEN + 500):
            self.ask(f"{number}.example.net", GREEDY)
        self.assertEqual(asked + MAX_OPEN - 1, len(self.exchange.asked))
        self.exchange.answer(which=0)
        self.assertEqual(("192.0.2.9", 60), self.found(mine))

    def test_shared_question(self) -> None:
        """A question that another client waits for as well is not the one that gives way."""
        self.ask("shared.example.com", GREEDY)
        shared = self.ask("shared.example.com")
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com", GREEDY)
        mine = self.ask("mine.example.com")
        self.assertNoResult(shared)
        self.assertNoResult(mine)
        self.assertEqual([1], self.exchange.cancelled)

    def test_nobody_waits(self) -> None:
        """A question of which nobody waits for a late reply gives way before all others."""
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com", GREEDY)
            if number == 0:
                self.pass_time(ANSWER_SECONDS)
        self.ask("mine.example.com", GREEDY)
        self.assertEqual({0, 1}, set(self.exchange.cancelled))
        self.count(asked=MAX_OPEN + 1)

    def test_shares_of_many(self) -> None:
        """Many clients who ask more than there is room for have as many questions open each, but for one."""
        clients = [f"10.0.1.{number}" for number in range(7)]
        for number in range(3 * MAX_OPEN):
            self.ask(f"{number}.example.com", clients[number % 7 if number >= MAX_OPEN else 0])
        waiting = Counter(one.client for opened in self.forwarder.open for one in opened.waiters)
        self.assertEqual(MAX_OPEN, sum(waiting.values()))
        self.assertLessEqual(max(waiting.values()) - min(waiting.values()), 1)

    def test_greedy_waiting(self) -> None:
        """Where one client does all the waiting, another one's takes the place of its oldest."""
        replies = [self.ask(client=GREEDY) for _ in range(MAX_WAITING)]
        mine = self.ask()
        self.assertNoResult(mine)
        self.assertIsNone(self.successResultOf(replies[0]))
        self.assertNoResult(replies[1])
        self.exchange.answer()
        self.assertEqual(("192.0.2.9", 60), self.found(mine))
        self.assertNoResult(self.ask("other.example.com"))

    def test_too_many_clients(self) -> None:
        """Beyond a number of waiting clients another one gets no reply; when they have theirs, others may come."""
        for _ in range(MAX_WAITING):
            self.ask()
        self.assertIsNone(self.successResultOf(self.ask()))
        self.exchange.answer(ttl=0)
        self.assertNoResult(self.ask())

    def test_forged_sources(self) -> None:
        """However many clients there seem to be over UDP, a client that asks over TCP finds a place at once."""
        forged = [self.ask(f"{number}.example.com", f"10.9.{number // 250}.{number % 250}") for number in range(999)]
        self.assertEqual([None] * 799, [self.successResultOf(reply) for reply in forged[MAX_OPEN:]])
        honest = [self.ask(f"mine{number}.example.com", proven=True) for number in range(MAX_OPEN // 4)]
        honest += [self.ask(f"{client}.example.net", client, proven=True) for client in ("10.0.0.3", "10.0.0.4")]
        last = len(self.exchange.asked) - 1
        for reply in honest:
            self.assertNoResult(reply)
        self.clock.advance(CHANCE_SECONDS)
        for number in range(999):
            self.ask(f"{number}.example.org", f"10.8.{number // 250}.{number % 250}")
        for reply in honest:
            self.assertNoResult(reply)
        self.exchange.answer(which=last)
        self.assertEqual(("192.0.2.9", 60), self.found(honest[-1]))

    def test_greedy_over_tcp(self) -> None:
        """One that asks on and on over TCP leaves UDP as many places as it has, and other clients of TCP theirs."""
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com", f"10.9.0.{number}")
        for number in range(3 * MAX_OPEN):
            self.ask(f"{number}.example.net", GREEDY, proven=True)
        proven = [opened.holder.proven for opened in self.forwarder.open if opened.holder is not None]
        self.assertEqual((MAX_OPEN, MAX_OPEN // 2), (len(proven), sum(proven)))
        mine = self.ask("mine.example.com", proven=True)
        self.assertNoResult(mine)

    def test_udp_gets_its_share_back(self) -> None:
        """Where one client has all places over TCP, one over UDP takes that of its oldest."""
        replies = [self.ask(f"{number}.example.com", GREEDY, proven=True) for number in range(MAX_OPEN)]
        mine = self.ask("mine.example.com", GREEDY)
        self.assertNoResult(mine)
        self.assertIsNone(self.successResultOf(replies[0]))

    def test_shared_over_tcp(self) -> None:
        """A question that somebody waits for over TCP as well does not give way with those of forged sources."""
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com", f"10.9.0.{number}")
        shared = self.ask("0.example.com", proven=True)
        others = [self.ask(f"{number}.example.net", GREEDY, proven=True) for number in range(MAX_OPEN)]
        self.assertNoResult(shared)
        self.assertNoResult(others[MAX_OPEN // 3])

    def test_forged_waiting(self) -> None:
        """Clients that seem to wait in great number over UDP leave a place to one that asks over TCP."""
        waiting = [self.ask(client=f"10.9.{number // 250}.{number % 250}") for number in range(MAX_WAITING)]
        self.assertIsNone(self.successResultOf(self.ask()))
        mine = self.ask(proven=True)
        self.assertNoResult(mine)
        self.assertIsNone(self.successResultOf(waiting[0]))

    def test_stop(self) -> None:
        """At the end all open questions are given up, and their clients get SERVFAIL."""
        replies = [self.ask(), self.ask("example.net")]
        self.successResultOf(self.forwarder.stop())
        self.assertEqual([dns.rcode.SERVFAIL] * 2, [self.rcode(reply) for reply in replies])
        self.assertEqual([0, 1], self.exchange.cancelled)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_defect(self) -> None:
        """A defect of ours costs the question, is logged, and leaves the next one alone."""
        reply = self.ask()
        self.exchange.replies[-1].errback(ZeroDivisionError())
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertNoResult(self.ask("example.net"))


class StaleTests(ForwarderTestCase):
    """The answers that clients get when a reply is too old and upstreams fail to renew it (RFC 8767)."""

    OLD = ("192.0.2.9", STALE_TTL)

    def setUp(self) -> None:
        super().setUp()
        self.ask()
        self.exchange.answer(ttl=60)
        self.clock.advance(60)
        self.forwarder.counts = ForwardCounts()

    def outage(self) -> None:
        """The first question that upstreams fail to answer."""
        self.ask()
        self.lose()
        self.forwarder.counts = ForwardCounts()

    def test_renewed(self) -> None:
        """An old reply is not given to a client that gets a new one in time."""
        reply = self.ask()
        self.clock.advance(RESPONSE_SECONDS - 0.1)
        self.assertNoResult(reply)
        self.exchange.answer(last=10)
        self.assertEqual(("192.0.2.10", 60), self.found(reply))
        self.count(asked=1)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_slow(self) -> None:
        """When upstreams take longer than a client's patience it gets the old reply, and the next one the new one."""
        replies = [self.ask(), self.ask()]
        self.clock.pump([0.1] * round(RESPONSE_SECONDS * 10))
        self.assertEqual([self.OLD, self.OLD], [self.found(reply) for reply in replies])
        self.assertEqual(self.OLD, self.found(self.ask()))
        self.count(asked=1, stale=3)
        self.exchange.answer(last=10)
        self.assertEqual(("192.0.2.10", 60), self.found(self.ask()))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_unreachable(self) -> None:
        """When no upstream can be reached the old reply is given at once."""
        reply = self.ask()
        self.lose()
        self.assertEqual(self.OLD, self.found(reply))
        self.count(asked=1, unanswered=1, stale=1)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_failure(self) -> None:
        """An old reply is better than SERVFAIL or REFUSED."""
        reply = self.ask()
        self.exchange.answer(dns.rcode.SERVFAIL)
        self.exchange.answer(dns.rcode.REFUSED)
        self.assertEqual(self.OLD, self.found(reply))

    def test_never_against_the_last_word(self) -> None:
        """The upstreams' last reply is never contradicted by an older one, though the last may not be kept."""
        for rcode, ttl in ((dns.rcode.NXDOMAIN, 60), (dns.rcode.NOERROR, 0)):
            reply = self.ask()
            self.exchange.answer(rcode, ttl=ttl)
            self.assertEqual(rcode, self.rcode(reply))
            self.clock.advance(60)
        reply = self.ask()
        self.lose()
        self.assertEqual(dns.rcode.SERVFAIL, self.rcode(reply))

    def test_old_and_negative(self) -> None:
        """During an outage a name that did not exist still does not."""
        self.ask()
        self.exchange.answer(dns.rcode.NXDOMAIN)
        self.clock.advance(60)
        reply = self.ask()
        self.lose()
        self.assertEqual(dns.rcode.NXDOMAIN, self.rcode(reply))

    def test_nobody_waits(self) -> None:
        """During an outage the old reply is at hand, and no upstream is asked for a while."""
        self.outage()
        asked = len(self.exchange.asked)
        self.clock.advance(RECHECK_SECONDS - 0.1)
        self.assertIsNotNone(self.forwarder.cached(query()))
        self.assertEqual(self.OLD, self.found(self.ask()))
        self.assertEqual(asked, len(self.exchange.asked))
        self.count(stale=2)

    def test_recheck(self) -> None:
        """After that while the question is asked again, once, behind a client that gets the old reply."""
        self.outage()
        self.clock.advance(RECHECK_SECONDS)
        asked = len(self.exchange.asked)
        self.assertEqual([self.OLD] * 3, [self.found(self.ask()) for _ in range(3)])
        self.assertEqual(asked + 1, len(self.exchange.asked))
        self.exchange.answer(last=10)
        self.assertEqual(("192.0.2.10", 60), self.found(self.ask()))
        self.count(stale=3, asked=1, cached=1)

    def test_recheck_fails(self) -> None:
        """A question that fails again puts off the next one again."""
        self.outage()
        for _ in range(5):
            self.clock.advance(RECHECK_SECONDS)
            asked = len(self.exchange.asked)
            self.assertEqual(self.OLD, self.found(self.ask()))
            self.lose()
            self.assertEqual(self.OLD, self.found(self.ask()))
            self.assertEqual(asked + 2, len(self.exchange.asked))

    def test_after_a_pause(self) -> None:
        """A client that asks long after the last failure waits: the outage may be over."""
        self.outage()
        self.clock.advance(OUTAGE_SECONDS)
        reply = self.ask()
        self.assertNoResult(reply)
        self.exchange.answer(last=10)
        self.assertEqual(("192.0.2.10", 60), self.found(reply))

    def test_too_many_questions(self) -> None:
        """A client for whom there is no room gets the old reply, and a recheck waits for room."""
        self.outage()
        self.clock.advance(RECHECK_SECONDS - 0.1)
        asked = len(self.exchange.asked)
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.com")
        self.clock.advance(0.1)
        self.assertEqual(self.OLD, self.found(self.ask()))
        self.assertEqual(asked + MAX_OPEN, len(self.exchange.asked))
        self.clock.advance(OUTAGE_SECONDS - RECHECK_SECONDS - 0.1)
        for number in range(MAX_OPEN):
            self.ask(f"{number}.example.net")
        self.clock.advance(0.1)
        self.assertEqual(self.OLD, self.found(self.ask()))
        self.assertEqual(1, self.forwarder.counts.overloaded)

    def test_stop(self) -> None:
        """An end of the forwarder leaves no timer behind."""
        self.ask()
        self.successResultOf(self.forwarder.stop())
        self.assertEqual([], self.clock.getDelayedCalls())
