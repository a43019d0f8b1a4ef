"""The containers and keys that ``--ephemeral`` takes down at exit."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EngineRefused
from daprdockr.model.host import ContainerState
from tests.build.values import definition
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.engine import MemoryEngine
from tests.marked import marked


class ClingingEngine(MemoryEngine):
    """Refuses to remove the containers in ``clinging``."""

    clinging: tuple[str, ...] = ()

    def remove(self, container: str) -> None:
        if container in self.clinging:
            raise EngineRefused("device or resource busy")
        super().remove(container)


class EphemeralTests(SynchronousTestCase):
    """An ephemeral agent that runs two instances."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.engine = ClingingEngine(node="a")
        self.agent = self.cluster.add("a", engine=self.engine, ephemeral=True)
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)

    def stop(self) -> list[str]:
        """The agent ends; the formats of what it logged as a warning or worse."""
        with capturedLogs() as logged:
            self.cluster.stop(self.agent)
        return [event["log_format"] for event in logged if event["log_level"].name not in ("info", "debug")]

    def test_all_go(self) -> None:
        """All containers of this node go, and no other; the lease is ended, and with it claims and record."""
        other = self.engine.seen_by("b")
        kept = other.create("other", {"Image": "web:1", "Labels": marked("other", "b")})
        self.assertEqual(self.stop(), [])
        self.assertEqual((self.engine.states, self.cluster.claims), ([], {}))
        self.assertEqual(self.cluster.store.list("/daprdockr/nodes/").entries, ())
        self.assertEqual([state.id for state in other.states], [kept])

    def test_one_stays(self) -> None:
        """A container that cannot be removed keeps none of the others."""
        first: ContainerState = self.agent.running[0]
        self.engine.clinging = (first.id,)
        self.assertEqual(self.stop(), ["container {id} stays: {reason}"])
        self.assertEqual([state.id for state in self.engine.states], [first.id])
        self.assertEqual(self.cluster.claims, {})

    def test_engine_away(self) -> None:
        """Without the Engine the containers stay, and the lease with them; one line of the log says so."""
        self.engine.unavailable = True
        self.assertEqual(self.stop(), ["the containers of this node stay: {reason}"])
        self.assertEqual(len(self.cluster.claims), 2)

    def test_etcd_away(self) -> None:
        """Without etcd the lease ends by itself; one line of the log says so."""
        self.cluster.store.unavailable = True
        self.assertEqual(self.stop(), ["the lease of this node ends by itself: {reason}"])
        self.assertEqual(self.engine.states, [])


class LastingTests(SynchronousTestCase):
    """An agent without it."""

    def test_nothing_goes(self) -> None:
        """Containers, claims and lease stay when an agent ends."""
        cluster = MemoryCluster(self)
        agent: MemoryAgent = cluster.add("a")
        cluster.define(definition(instances=2))
        cluster.advance(1)
        cluster.stop(agent)
        self.assertEqual((len(agent.running), len(cluster.claims)), (2, 2))
