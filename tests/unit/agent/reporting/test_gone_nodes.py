"""Nodes that go are remembered until they are back, for a day at most."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.gone_nodes import KEPT, MOST, GoneNodes
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from tests.build.history import entry, listing
from tests.build.page import nodes
from tests.build.values import KEYS


class GoneNodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.cluster, self.revision = Clock(), Cluster(KEYS), 100
        self.gone = GoneNodes(self.cluster, self.clock.seconds)

    def there(self, *names: str, cordoned: Iterable[str] = ()) -> list[tuple[str, float]]:
        """These nodes hold a lease now, and these are cordoned; return those that are remembered."""
        self.revision += 1
        cordons = [entry(KEYS.cordon(name), 5, b"{}") for name in cordoned]
        self.cluster.replace(listing(self.revision, *nodes(names), *cordons))
        self.gone.on_changes(Changes(nodes=True))
        return [(name, at) for name, at, _ in self.gone]

    @property
    def meant(self) -> list[bool]:
        return [is_meant for _, _, is_meant in self.gone]

    def test_gone(self) -> None:
        """A node that goes is there with the time, and no more when it is back."""
        self.assertEqual(self.there("a", "b", "c"), [])
        self.clock.advance(5)
        self.assertEqual(self.there("c"), [("a", 5.0), ("b", 5.0)])
        self.clock.advance(5)
        self.assertEqual(self.there("b", "c"), [("a", 5.0)])
        self.assertEqual(self.there("a", "b", "c"), [])

    def test_meant(self) -> None:
        """One that was cordoned was meant to go, also if its cordon went with it or later; or one cordoned since."""
        self.there("a", "b", "c", "d", cordoned="abc")
        self.there("d", cordoned="bc")
        self.assertEqual(self.meant, [True, True, True])
        self.there("d", cordoned="c")
        self.assertEqual(self.meant, [True, True, True])
        self.there()
        self.assertEqual(self.meant, [True, True, True, False])
        self.there(cordoned="d")
        self.assertEqual(self.meant, [True, True, True, True])

    def test_meant_once(self) -> None:
        """One that came back, and goes without a cordon, is lost."""
        self.there("a", cordoned="a")
        self.there(cordoned="a")
        self.there("a")
        self.there()
        self.assertEqual(self.meant, [False])

    def test_other_changes(self) -> None:
        """Changes of services say nothing about nodes."""
        self.there("a")
        self.cluster.replace(listing(200))
        self.gone.on_changes(Changes())
        self.assertEqual(list(self.gone), [])

    def test_bounded(self) -> None:
        """A node that does not come back is forgotten after a day, and of very many the earliest."""
        self.there("first")
        self.clock.advance(1)
        many = [f"n{number:03d}" for number in range(MOST)]
        self.assertEqual(len(self.there(*many)), 1)
        self.clock.advance(1)
        self.assertEqual([name for name, _ in self.there()], many)
        self.clock.advance(KEPT + 1)
        self.assertEqual(list(self.gone), [])
