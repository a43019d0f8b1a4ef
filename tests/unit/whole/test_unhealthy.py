"""Whole agents whose containers fail their health checks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.claim import ClaimRecord, State
from tests.build.stored import events_in
from tests.build.values import KEYS, definition, instance
from tests.fakes.agents import MemoryAgent, MemoryCluster

CHECK = {"Type": "tcp", "Port": "8080", "Interval": 5, "Timeout": 2, "Retries": 3}
WRONG = "nothing answers on port 8080"


class UnhealthyCase(SynchronousTestCase):
    """Four instances on two nodes, all healthy."""

    fields: Mapping[str, Any] = {"Instances": 4}

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = {node: self.cluster.add(node, no_rebalance=True) for node in ("a", "b")}
        self.cluster.advance(8)
        self.cluster.define(definition(**self.fields, Health=CHECK))
        self.cluster.advance(3)

    @property
    def runs(self) -> dict[str, float]:
        """Since when each container runs, by its id."""
        return {f"{n}{one.id}": one.started for n, agent in self.agents.items() for one in agent.running}

    def fail_all(self, *nodes: str) -> None:
        """Let all that runs on these nodes fail its check."""
        for node in nodes or self.agents:
            self.agents[node].unhealthy = {one.id: "no answer" for one in self.agents[node].running}

    def replaced(self, before: Mapping[str, float]) -> int:
        now = self.runs
        return sum(now.get(one) != started for one, started in before.items())

    def events(self) -> list[tuple[str, tuple[str, ...]]]:
        found = events_in(self.cluster.store)
        return [(f"{event.subject}: {event.text}", tuple(event.lines)) for event in found]


class OneFailsTests(UnhealthyCase):
    """One instance of several hangs."""

    def test_replaced(self) -> None:
        """It leaves names and routes first, is started anew after ``Retries`` failures, and no other one is touched."""
        (one, *_), before = self.agents["a"].running, self.runs
        self.agents["a"].docker.log(one.id, b"waiting for a lock\n")
        self.agents["a"].unhealthy = {one.id: "no answer"}
        self.cluster.advance(7)
        record = self.cluster.claims[str(one.instance)]
        self.assertEqual((record.state, record.healthy, self.replaced(before)), (State.UNHEALTHY, False, 0))
        self.cluster.advance(12)
        self.assertEqual(self.replaced(before), 1)
        self.agents["a"].unhealthy = {}
        self.cluster.advance(10)
        self.assertTrue(self.cluster.claims[str(one.instance)].healthy)
        self.assertEqual(self.replaced(before), 1)
        self.assertIn((f"{one.instance}: its container is restarted: {WRONG}", ("waiting for a lock",)), self.events())

    def test_not_stopped(self) -> None:
        """One that could not be stopped, and is well again by then, is in names and routes again."""
        agent = self.agents["a"]
        agent.docker.stubborn_images.add("web:1")
        (one, *_), before = agent.running, self.runs
        agent.unhealthy = {one.id: "no answer"}
        self.cluster.advance(17)
        self.assertIn(one.id, agent.parts.found.local.host.containers.stopping_now)
        agent.docker.unavailable, agent.unhealthy = True, {}
        self.cluster.advance(20)
        agent.docker.unavailable = False
        self.cluster.advance(20)
        self.assertEqual(self.replaced(before), 0)
        self.assertTrue(self.cluster.claims[str(one.instance)].healthy)

    def test_without_etcd(self) -> None:
        """While etcd is away nothing is replaced."""
        before = self.runs
        self.fail_all()
        self.cluster.store.unavailable = True
        self.cluster.advance(60)
        self.assertEqual(self.replaced(before), 0)


class Always(dict[str, str]):
    """The answer of the check of whatever container."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer

    def get(self, key: str, default: object = None) -> Any:
        return self.answer


class ComplaintTests(UnhealthyCase):
    """One instance whose check is a command that writes something else each time."""

    fields: Mapping[str, Any] = {"Instances": 1}

    def record(self) -> tuple[int, State, str]:
        """The revision of the claim, and what it says."""
        entry = self.cluster.store.get(KEYS.claim(instance(1)))
        assert entry is not None
        claim = ClaimRecord.decode(entry.value)
        return entry.mod_revision, claim.state, claim.reason

    def fail_on(self, seconds: int) -> None:
        """Let it fail for so long, each second with another output."""
        for second in range(seconds):
            for agent in self.agents.values():
                agent.unhealthy = Always(f"exit status 1: at {second}")
            self.cluster.advance(1)

    def test_written_once(self) -> None:
        """Its first output is in the claim, and further ones cause no writes; nor do they as long as it starts."""
        check = {**CHECK, "Type": "exec", "Cmd": ["check", "it"], "Retries": 100}
        self.cluster.define(definition(**self.fields, Health=check))
        self.cluster.advance(10)
        self.fail_on(12)
        first = self.record()
        self.assertEqual(first[1], State.UNHEALTHY)
        self.assertRegex(first[2], "^the command check it fails: exit status 1: at [0-9]+$")
        self.fail_on(60)
        self.assertEqual(self.record(), first)
        self.cluster.delete(definition().name)
        self.cluster.advance(5)
        self.cluster.define(definition(**self.fields, Health={**check, "StartPeriod": 300}))
        self.fail_on(20)
        first = self.record()
        self.assertEqual(first[1], State.STARTING)
        self.assertRegex(first[2], "^the command check it fails: exit status 1: at [0-9]+$")
        self.fail_on(60)
        self.assertEqual(self.record(), first)


class AllFailTests(UnhealthyCase):
    """All instances fail at once, because what they share is away."""

    def test_one_at_a_time(self) -> None:
        """They are replaced one at a time, and ever more seldom; all are healthy soon after what they need is back."""
        before = self.runs
        self.fail_all()
        seen = []
        for _ in range(30):
            self.cluster.advance(1)
            seen.append(self.replaced(before))
        self.assertLessEqual(max(b - a for a, b in pairwise(seen)), 1)
        self.assertIn(seen[-1], (1, 2))
        for agent in self.agents.values():
            agent.unhealthy = {}
        self.cluster.advance(12)
        self.assertTrue(all(self.cluster.claims[str(instance(n))].healthy for n in (1, 2, 3, 4)))


class MovingCase(UnhealthyCase):
    """One instance, which never answers on the node that has it."""

    fields: Mapping[str, Any] = {"Instances": 1}

    def agents_of(self) -> tuple[MemoryAgent, MemoryAgent]:
        """The one that has the instance, and the other one."""
        holder = self.cluster.claims[str(instance(1))].node
        return self.agents[holder], self.agents["b" if holder == "a" else "a"]

    def stay_sick(self) -> int:
        """Let time pass until the instance is healthy on the other node; return how often it was started before."""
        holder, other = self.agents_of()
        for _ in range(300):
            self.fail_all(holder.settings.node)
            self.most = max(self.most, len(self.runs))
            self.cluster.advance(1)
            record = self.cluster.claims.get(str(instance(1)))
            if record is not None and record.healthy and record.node == other.settings.node:
                return holder.docker.calls["start"]
        self.fail(f"it did not move: {self.cluster.claims}")

    most = 0


class MovesTests(MovingCase):
    """An instance that goes on failing on one node."""

    def test_moves(self) -> None:
        """After three times another node takes it over; the reason is kept in events, and nothing goes back."""
        _, other = self.agents_of()
        self.assertEqual(self.stay_sick(), 3)
        self.cluster.advance(60)
        self.assertEqual(self.cluster.claims[str(instance(1))].node, other.settings.node)
        self.assertEqual(len(self.runs), 1)
        self.assertIn((f"{instance(1)}: its container is restarted: {WRONG}", ()), self.events())


class OnPartitionTests(MovingCase):
    """The same with ``OnPartition: stop``."""

    fields: Mapping[str, Any] = {"Instances": 1, "OnPartition": "stop"}

    def test_in_place(self) -> None:
        """It is started anew by the node that has it."""
        holder, _ = self.agents_of()
        before = self.runs
        self.fail_all()
        self.cluster.advance(25)
        self.assertEqual(self.replaced(before), 1)
        holder.unhealthy = {}
        self.cluster.advance(10)
        record = self.cluster.claims[str(instance(1))]
        self.assertEqual((record.node, record.healthy, len(self.runs)), (holder.settings.node, True, 1))

    def test_moves(self) -> None:
        """After three times it is removed and released, and another node starts it; two never run."""
        self.stay_sick()
        self.cluster.advance(60)
        self.assertEqual((self.most, len(self.runs)), (1, 1))
