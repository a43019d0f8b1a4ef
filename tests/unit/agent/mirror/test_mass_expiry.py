"""One node that vanishes is dead; many at once are not."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.mass_expiry import BEATS, MOMENT, MassExpiry
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.store import MemoryStore

TTL = 6.0


class MassExpiryTests(SynchronousTestCase):
    """Nodes ``a`` to ``e``; a test lets some vanish."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.store = MemoryStore()
        self.cluster = Cluster(KEYS)
        self.mass_expiry = MassExpiry(node="e", clock=self.clock.seconds, cluster=self.cluster, ttl=TTL)
        self.leases = {node: self.store.grant(600).id for node in "abcde"}
        for node, lease in self.leases.items():
            self.store.put(KEYS.node(node), NodeRecord().encode(), lease)
        self.hear()

    def hear(self) -> None:
        while (batch := self.store.since(KEYS.root, self.cluster.revision + 1)) is not None:
            self.mass_expiry.on_changes(self.cluster.apply(batch))

    def vanish(self, nodes: str) -> None:
        """Let nodes vanish one after another."""
        for node in nodes:
            self.store.revoke(self.leases[node])
            self.hear()

    def assert_waits(self, seconds: float) -> None:
        """Nothing is claimed for so long from now on."""
        self.assertEqual(max(self.mass_expiry.until, self.clock.seconds()), self.clock.seconds() + seconds)

    def test_nobody(self) -> None:
        """As long as nobody vanishes there is nothing to wait for."""
        self.assertLess(self.mass_expiry.until, self.clock.seconds())

    def test_one(self) -> None:
        """One node that vanishes costs a moment, in which others might."""
        self.vanish("a")
        self.assert_waits(MOMENT)

    def test_a_minority(self) -> None:
        """So do two of five, which may have shared a switch."""
        self.vanish("ab")
        self.assert_waits(MOMENT)

    def test_half(self) -> None:
        """When those that vanished are as many as those that stay, they have the time of a lease to come back."""
        self.vanish("abc")
        self.assert_waits(TTL)

    def test_exactly_half(self) -> None:
        """Two of four are as many as those that stay."""
        self.vanish("a")
        self.clock.advance(2 * TTL)
        self.vanish("bc")
        self.assert_waits(TTL)

    def test_another_vanishes(self) -> None:
        """One that vanishes after that does not shorten the time of those before it."""
        self.vanish("abc")
        self.clock.advance(1.0)
        self.vanish("d")
        self.assert_waits(TTL - 1.0)

    def test_half_of_two(self) -> None:
        """One of two is a dead host like any other."""
        self.vanish("abc")
        self.clock.advance(2 * TTL)
        self.vanish("d")
        self.assert_waits(MOMENT)

    def test_we_came_back(self) -> None:
        """A node that was not there itself cannot tell when the others went."""
        self.vanish("e")
        self.assert_waits(0.0)
        self.vanish("abc")
        self.assert_waits(0.0)
        self.store.put(KEYS.node("e"), NodeRecord().encode(), self.store.grant(600).id)
        self.hear()
        self.vanish("d")
        self.assert_waits(MOMENT)

    def test_one_after_another(self) -> None:
        """Nodes that vanish with time in between are not one blow."""
        self.vanish("ab")
        self.clock.advance(MOMENT + 0.01)
        self.vanish("c")
        self.assert_waits(MOMENT)

    def test_another_history(self) -> None:
        """When a person had the agents believe another history, each node has the time to claim what it runs."""
        self.mass_expiry.on_changes(self.cluster.begin_anew(self.store.list(KEYS.root)))
        self.assert_waits(TTL)
        self.assertEqual(self.mass_expiry.own_share_until, self.clock.seconds() + TTL + BEATS * TTL / 3)
        self.clock.advance(2 * TTL)
        self.vanish("a")
        self.assert_waits(MOMENT)

    def test_regained(self) -> None:
        """A node that had no certain lease for a while gives all others the time of a lease to come back."""
        self.mass_expiry.on_regained()
        self.assert_waits(TTL)
        self.assertEqual(self.mass_expiry.own_share_until, self.clock.seconds() + TTL + BEATS * TTL / 3)

    def test_regained_after_all_vanished(self) -> None:
        """So it does if it sees none of them any more: their leases may have ended while its own was not certain."""
        self.vanish("abcd")
        self.clock.advance(2 * TTL)
        self.mass_expiry.on_regained()
        self.assert_waits(TTL)

    def test_vanished_is_seen_by_all(self) -> None:
        """All nodes see at the same time that others vanish: none leaves them their share for longer."""
        self.vanish("abc")
        self.assertEqual(self.mass_expiry.own_share_until, 0.0)

    def test_regained_alone(self) -> None:
        """A node that never saw another one waits for nobody."""
        alone = MassExpiry(node="a", clock=self.clock.seconds, cluster=Cluster(KEYS), ttl=TTL)
        alone.on_regained()
        self.assertEqual(alone.until, 0.0)
