"""Which revision a node has reached, from what its parts say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.progress import Serving
from daprdockr.wiring.reporting import serving
from daprdockr.wiring.subscriptions import record_unusable
from tests.build.stored import events_in
from tests.build.values import HTTP, named
from tests.fakes.agents import MemoryCluster


@define
class Front:
    """In the place of the door of nginx, or of the relay: what it says of itself."""

    reached: int | None = None

    async def busy(self) -> frozenset[str]:
        return frozenset({"10.0.0.1:1"})


class ServingTests(SynchronousTestCase):
    """Of an agent that is in touch."""

    def setUp(self) -> None:
        cluster = MemoryCluster(self)
        self.agent = cluster.add("a")
        cluster.advance(1)

    def served(self, nginx: Front | None, relay: Front) -> Serving:
        told = self.agent.parts.reports
        outward = evolve(
            self.agent.parts.outward, nginx=cast(Any, nginx and SimpleNamespace(door=nginx)), relay=cast(Any, relay)
        )
        return serving((told.publish, told.publish_ports, told.publish_challenges), outward)

    def test_names_alone(self) -> None:
        """Where nothing else runs, or all routes are in force, the names count."""
        revision = self.agent.cluster.revision
        for nginx in (None, Front()):
            self.assertEqual(self.served(nginx, Front()).reached(), revision)

    def test_behind(self) -> None:
        """The server that is furthest behind counts."""
        for nginx, relay in ((1, None), (None, 1), (1, 2), (2, 1)):
            self.assertEqual(self.served(Front(nginx), Front(relay)).reached(), 1)

    def test_busy(self) -> None:
        """nginx knows which endpoints are busy; without it none is."""
        for nginx, found in ((Front(), {"10.0.0.1:1"}), (None, set())):
            asked = Deferred.fromCoroutine(cast(Any, self.served(nginx, Front()).busy()))
            self.assertEqual(self.successResultOf(asked), found)


class RefusalTests(SynchronousTestCase):
    """Two services want one host name, and each node sees that."""

    def test_once(self) -> None:
        """One event says so, also when agents are started again; another definition is another event."""
        cluster = MemoryCluster(self)
        agents = [cluster.add(name) for name in "abc"]
        for name in ("first", "second", "second"):
            cluster.define(named(name, Http=HTTP))
            cluster.advance(2)
        cluster.stop(agents[0])
        cluster.succeed(agents[0])
        cluster.advance(2)
        events = events_in(cluster.store)
        refused = "host name example.com already belongs to first.myapp"
        self.assertEqual([e.text for e in events if e.subject == "second.myapp"], [refused] * 2)


class UnusableTests(SynchronousTestCase):
    """A certificate that cannot be used."""

    def test_own(self) -> None:
        """All nodes have one event of what is stored; each node has one of its own files and keys."""
        cluster = MemoryCluster(self)
        for name in "ab":
            base = cluster.add(name).parts.base
            for is_own in (False, True, True):
                record_unusable(base, "certificate example.com", f"is of {is_own}", is_own)
        cluster.advance(1)
        events = events_in(cluster.store)
        self.assertEqual(
            sorted((e.node, e.text) for e in events if e.subject == "certificate example.com"),
            [("a", "is of False"), ("a", "is of True"), ("b", "is of True")],
        )
