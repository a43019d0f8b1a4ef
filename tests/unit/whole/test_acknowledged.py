"""Whole agents that stop copies on purpose: not before every node has reported that nothing leads there any more."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.claim import State
from daprdockr.model.stored.mirrored_keys import NodeKey
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.keeping.withdrawing import REACH_TIMEOUT
from tests.build.values import API, HTTP, KEYS, WEB, definition, named
from tests.build.whole import TTL, names
from tests.fakes.agents import STEP, MemoryAgent, MemoryCluster

SOON = 10 * STEP
"""Seconds in which news go round several times."""


class AcknowledgedCase(SynchronousTestCase):
    """Nodes ``a`` and ``b``, of which the latter may hang: its lease goes on for a while, and it notices nothing."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.a, self.b = self.cluster.add("a"), self.cluster.add("b")
        self.cluster.advance(1)

    def hang(self, agent: MemoryAgent) -> None:
        self.cluster.agents.remove(agent)

    def wake(self, agent: MemoryAgent) -> None:
        self.cluster.agents.append(agent)

    def here(self, *services: str) -> list[str]:
        """The instances of these services that run on node ``a``."""
        return [name for name in names(self.a) if name.partition(".")[2] in services]

    def progress(self, node: str) -> tuple[int, int]:
        entry = self.cluster.store.get(KEYS.node(node))
        assert entry is not None
        found = NodeRecord.decode(entry.value).progress
        return found.reached, found.awaits

    def node_writes(self, since: int) -> list[str]:
        """The nodes whose records were written since a revision, one for each write."""
        batch = self.cluster.store.since(KEYS.root, since + 1)
        found = [KEYS.read(change.key) for change in batch.changes] if batch else []
        return [name.node for name in found if isinstance(name, NodeKey)]

    @property
    def revision(self) -> int:
        return self.cluster.store.list(KEYS.root).revision


class ScaleDownTests(AcknowledgedCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(instances=4, Http=HTTP))
        self.cluster.advance(2)
        self.assertEqual(len(self.here("web.myapp")), 2)

    def scale_down(self) -> None:
        self.cluster.define(definition(instances=0, Http=HTTP))

    def test_both_report(self) -> None:
        """When both nodes are well, the copies go at once, each after the other node has reached the change."""
        self.scale_down()
        changed = self.revision
        self.cluster.advance(SOON)
        self.assertEqual((names(self.a), names(self.b)), ([], []))
        for node in ("a", "b"):
            self.assertGreaterEqual(min(self.progress(node)), changed)

    def test_one_hangs(self) -> None:
        """A node that does not report is waited for, though not for long."""
        self.hang(self.b)
        self.scale_down()
        self.cluster.advance(REACH_TIMEOUT - SOON)
        self.assertEqual(len(self.here("web.myapp")), 2)
        self.cluster.advance(2 * SOON)
        self.assertEqual(self.here("web.myapp"), [])

    def test_one_wakes_up(self) -> None:
        """It goes on as soon as the node has reported."""
        self.hang(self.b)
        self.scale_down()
        self.cluster.advance(SOON)
        self.wake(self.b)
        self.cluster.advance(SOON)
        self.assertEqual(self.here("web.myapp"), [])

    def test_one_is_gone(self) -> None:
        """A node whose lease has ended is not waited for."""
        self.hang(self.b)
        self.cluster.advance(TTL + 1)
        self.scale_down()
        self.cluster.advance(SOON)
        self.assertEqual(self.here("web.myapp"), [])

    def test_restart(self) -> None:
        """An agent that begins in the middle waits too, and asks again."""
        self.hang(self.b)
        self.scale_down()
        self.cluster.advance(SOON)
        self.cluster.crash(self.a)
        self.a = self.cluster.succeed(self.a)
        self.cluster.advance(SOON)
        self.assertEqual(len(self.here("web.myapp")), 2)
        self.wake(self.b)
        self.cluster.advance(SOON)
        self.assertEqual(self.here("web.myapp"), [])

    def test_others_go_on(self) -> None:
        """A service whose copies wait keeps no other one waiting."""
        self.hang(self.b)
        self.scale_down()
        self.cluster.define(named("api", 1, Placement={"Constraints": ["node == a"]}))
        self.cluster.advance(SOON)
        self.assertEqual(len(self.here("web.myapp")), 2)
        self.assertEqual(self.here("api.myapp"), ["1.api.myapp"])

    def test_deaths_are_not_waited_for(self) -> None:
        """A copy that died leaves the names at once, and is started again though another node hangs."""
        self.hang(self.b)
        died = self.a.running[0]
        self.a.docker.crash(died.id)
        self.cluster.advance(SOON)
        self.assertEqual(len(self.here("web.myapp")), 2)
        self.assertNotIn(died.started, [one.started for one in self.a.running])


class ChangedTests(AcknowledgedCase):
    def test_withdrawn_first(self) -> None:
        """Where one copy may run the old one is withdrawn first: it runs on, and its claim says so."""
        self.a.docker.add_image("web:2")
        here: dict[str, Any] = {"Http": HTTP, "Placement": {"Constraints": ["node == a"]}}
        self.cluster.define(definition(**here))
        self.cluster.advance(2)
        before = names(self.a)
        self.hang(self.b)
        here["Update"] = {"Order": "stop-first"}
        self.cluster.define(definition("web:2", **here))
        self.cluster.advance(SOON)
        (told,) = self.cluster.claims.values()
        self.assertEqual(
            (told.state, told.healthy, told.reason), (State.WITHDRAWN, False, "the definition of web.myapp changed")
        )
        self.assertEqual(names(self.a), before)
        self.wake(self.b)
        self.cluster.advance(2)
        (told,) = self.cluster.claims.values()
        self.assertEqual((told.state, told.definition), (State.RUNNING, definition("web:2", **here).digest))


class WritesTests(AcknowledgedCase):
    def test_few(self) -> None:
        """However many copies go at once, each node writes its record a few times."""
        services = [f"s{number}" for number in range(20)]
        for service in services:
            self.cluster.define(named(service, 10))
        self.cluster.advance(4)
        self.assertEqual(len(names(self.a)) + len(names(self.b)), 200)
        before = self.revision
        for service in services:
            self.cluster.delete(named(service).name)
        self.cluster.advance(2)
        self.assertEqual(names(self.a) + names(self.b), [])
        self.assertLessEqual(len(self.node_writes(before)), 6)

    def test_none(self) -> None:
        """Nothing is written about names and routes as long as nobody waits."""
        self.cluster.advance(2)
        before = self.revision
        for instances in (2, 3, 4):
            self.cluster.define(definition(instances=instances))
            self.cluster.advance(1)
        self.a.docker.crash(self.a.running[0].id)
        self.cluster.advance(1)
        self.assertEqual(self.node_writes(before), [])

    def test_alone(self) -> None:
        """Nor if there is only one node."""
        self.cluster.crash(self.b)
        self.cluster.advance(TTL + 1)
        self.cluster.define(definition(instances=4))
        self.cluster.advance(2)
        before = self.revision
        self.cluster.delete(WEB)
        self.cluster.delete(API)
        self.cluster.advance(SOON)
        self.assertEqual((names(self.a), self.node_writes(before)), ([], []))
