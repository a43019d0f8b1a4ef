"""
``daprdockr.dns.forwarding.cache``: what is kept of upstreams' replies, how long, and what is given when it is too old.
"""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.forwarding.cache import (
    FAILURE_SECONDS,
    MAX_NEGATIVE,
    MAX_POSITIVE,
    MAX_STALE,
    OVERHEAD,
    STALE_TTL,
    Cache,
)
from daprdockr.dns.forwarding.forwarded import Reply, read_reply
from tests.build.dns_responses import ADDRESS, SOA, asked, response

TC = dns.flags.TC
ALIAS, ALIASED = "www.example.com. 300 IN CNAME x.example.com.", "x.example.com. 200 IN A 192.0.2.2"


class KeepingTests(SynchronousTestCase):
    """``Cache.put`` and ``Cache.get``"""

    def setUp(self) -> None:
        self.cache = Cache()
        self.asked = asked()

    def ttls(self, packet: bytes | None) -> list[int]:
        assert packet is not None
        message = dns.message.from_wire(packet)
        return [rrset.ttl for rrset in (*message.answer, *message.authority, *message.additional)]

    def put(self, reply: bytes, now: float = 0.0) -> None:
        self.cache.put(self.asked, read_reply(reply), now)

    def test_ttls_run_down(self) -> None:
        """Each TTL is less by the whole seconds it was kept; at the end the reply is gone."""
        self.put(response(ALIAS, ALIASED), now=50.0)
        self.assertEqual([200, 200], self.ttls(self.cache.get(self.asked, 50.5)))
        self.assertEqual([1, 1], self.ttls(self.cache.get(self.asked, 249.9)))
        self.assertIsNone(self.cache.get(self.asked, 250.0))

    def test_other_questions(self) -> None:
        """A reply answers its own question and no other."""
        self.put(response(ADDRESS))
        self.assertIsNone(self.cache.get(asked(edns=0, dnssec=True), 0.0))
        self.assertIsNone(self.cache.get(asked("x"), 0.0))

    def test_limits(self) -> None:
        """Nothing is kept for longer than an hour, nothing negative for longer than five minutes."""
        self.put(response("www.example.com. 90000 IN A 192.0.2.1"))
        self.assertEqual([MAX_POSITIVE - 10], self.ttls(self.cache.get(self.asked, 10.0)))
        self.assertIsNone(self.cache.get(self.asked, MAX_POSITIVE))
        authority = (SOA.replace("900", "9000").replace(" 60", " 9000"),)
        self.put(response(authority=authority, rcode=3))
        self.assertEqual([MAX_NEGATIVE - 10], self.ttls(self.cache.get(self.asked, 10.0)))
        self.assertIsNone(self.cache.get(self.asked, MAX_NEGATIVE))
        self.put(response(ALIAS.replace("300", "9000"), authority=authority))
        self.assertIsNone(self.cache.get(self.asked, MAX_NEGATIVE))

    def test_failure(self) -> None:
        """A failure is kept for a moment, and is never given as an old reply."""
        self.put(response(rcode=2))
        packet = self.cache.get(self.asked, 0.0)
        assert packet is not None
        self.assertEqual(dns.rcode.SERVFAIL, dns.message.from_wire(packet).rcode())
        self.assertIsNone(self.cache.get(self.asked, FAILURE_SECONDS))
        self.assertIsNone(self.cache.stale(self.asked, 0.0))
        self.put(response(rcode=5), now=10.0)
        self.assertIsNotNone(self.cache.get(self.asked, 10.0))
        self.put(response(ADDRESS), now=10.0)
        self.assertEqual([300], self.ttls(self.cache.get(self.asked, 10.0)))

    def test_failure_after_reply(self) -> None:
        """A failure leaves the reply that is there, old or not."""
        self.put(response(ADDRESS))
        for now in (0.0, 300.0):
            self.put(response(rcode=2), now)
            self.assertIsNotNone(self.cache.stale(self.asked, now))
        self.assertIsNone(self.cache.get(self.asked, 300.0))

    def test_not_to_be_kept(self) -> None:
        """A good reply that may not be kept is not, and what was kept before is gone."""
        for last in (response("www.example.com. 0 IN A 192.0.2.1"), response(rcode=3), response(ADDRESS, flags=TC)):
            self.put(response(ADDRESS))
            self.put(last)
            self.assertIsNone(self.cache.stale(self.asked, 0.0))
            self.assertEqual((0, 0), (len(self.cache), self.cache.octets))

    def test_no_such_type(self) -> None:
        """That a name has no such type is kept as long as its SOA says."""
        self.put(response(authority=(SOA,)))
        self.assertEqual([60], self.ttls(self.cache.get(self.asked, 0.0)))
        self.assertIsNone(self.cache.get(self.asked, 60.0))

    def test_newer(self) -> None:
        """A newer reply takes the place of the older one."""
        self.put(response(ADDRESS))
        octets = self.cache.octets
        self.put(response(ADDRESS), now=100.0)
        self.assertEqual([300], self.ttls(self.cache.get(self.asked, 100.0)))
        self.assertEqual((1, octets), (len(self.cache), self.cache.octets))

    def test_room(self) -> None:
        """When there is no room left the reply that was used least recently goes."""
        names = ["a", "b", "c"]
        reply = Reply(b"\0" * 12, 0, cut=False, lifetime=100)
        cache = Cache(2 * (OVERHEAD + 12))
        for name in names:
            cache.put(asked(name), reply, 0.0)
            cache.get(asked("a"), 0.0)
        self.assertEqual([True, False, True], [cache.get(asked(name), 0.0) is not None for name in names])
        self.assertTrue(cache.octets <= 2 * (OVERHEAD + 12))

    def test_larger_than_all_room(self) -> None:
        """A reply that is larger than the cache leaves it empty."""
        cache = Cache(100)
        cache.put(self.asked, read_reply(response(ADDRESS)), 0.0)
        self.assertEqual((0, 0), (len(cache), cache.octets))


class StaleTests(SynchronousTestCase):
    """``Cache.stale``, ``fail`` and ``failed_for``"""

    def setUp(self) -> None:
        self.cache = Cache()
        self.asked = asked()
        self.cache.put(self.asked, read_reply(response(ALIAS, ALIASED.replace("200", "300"))), 0.0)

    def test_old(self) -> None:
        """A reply whose time is over is there for a day, its TTLs short."""
        end = 300 + MAX_STALE
        self.assertIsNone(self.cache.get(self.asked, 300.0))
        for now in (300.0, end - 1.0):
            packet = self.cache.stale(self.asked, now)
            assert packet is not None
            message = dns.message.from_wire(packet)
            self.assertEqual([STALE_TTL] * 2, [rrset.ttl for rrset in message.answer])
        self.assertIsNone(self.cache.stale(self.asked, end))
        self.assertEqual((0, 0), (len(self.cache), self.cache.octets))

    def test_nothing(self) -> None:
        """Of what was never kept nothing is old, and no failure is known."""
        self.cache.fail(asked("x"), 0.0)
        self.assertIsNone(self.cache.stale(asked("x"), 0.0))
        self.assertIsNone(self.cache.failed_for(asked("x"), 0.0))

    def test_failures(self) -> None:
        """The last failure counts, until there is a new reply."""
        self.assertIsNone(self.cache.failed_for(self.asked, 300.0))
        self.cache.fail(self.asked, 300.0)
        self.cache.fail(self.asked, 310.0)
        self.assertEqual(5.0, self.cache.failed_for(self.asked, 315.0))
        self.cache.put(self.asked, read_reply(response(ADDRESS)), 320.0)
        self.assertIsNone(self.cache.failed_for(self.asked, 320.0))

    def test_room(self) -> None:
        """An old reply takes room like any other, and counts as used when it is given."""
        reply = Reply(b"\0" * 12, 0, cut=False, lifetime=1)
        cache = Cache(2 * (OVERHEAD + 12))
        cache.put(asked("a"), reply, 0.0)
        cache.put(asked("b"), reply, 0.0)
        cache.stale(asked("a"), 5.0)
        cache.put(asked("c"), reply, 5.0)
        self.assertEqual([True, False, True], [cache.stale(asked(name), 5.0) is not None for name in "abc"])
