"""Whole agents with an instance that neither comes up nor fails: what waits for it goes on after the deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.probe import Unmade
from daprdockr.model.host import ContainerState
from daprdockr.model.stored.claim import ClaimRecord
from tests.build.stored import events_in, successors_in
from tests.build.values import API, KEYS, instance, named
from tests.fakes.agents import MemoryAgent, MemoryCluster

CHECK = {"Type": "tcp", "Port": "8080", "Interval": 1, "Timeout": 1, "Retries": 1}
DEADLINE = 60
UPDATE = {"Deadline": DEADLINE, "MinHealthy": 5, "Drain": 1}
NOT_IN_TIME = "not healthy within 60 s: nothing answers on port 8080"
NO_RESULT = Unmade("no result")


class Found(dict[str, str]):
    """The faults of containers, by id, as the test decides at each check."""

    def __init__(self, agent: MemoryAgent, verdicts: Sequence[Callable[[MemoryAgent, ContainerState], str | None]]):
        super().__init__()
        self.agent, self.verdicts = agent, verdicts

    def get(self, container: str, default: Any = None) -> Any:
        states = [one for one in self.agent.docker.states if one.id == container]
        found = (verdict(self.agent, one) for one in states for verdict in self.verdicts)
        return next((wrong for wrong in found if wrong is not None), default)


class OverdueCase(SynchronousTestCase):
    """Four instances on the nodes ``a`` and ``b``, all healthy; ``verdicts`` decide what is wrong with a container."""

    rebalance = False

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = {node: self.cluster.add(node, no_rebalance=not self.rebalance) for node in ("a", "b")}
        self.verdicts: list[Callable[[MemoryAgent, ContainerState], str | None]] = []
        for agent in self.agents.values():
            agent.unhealthy = Found(agent, self.verdicts)
        self.cluster.advance(8)
        self.cluster.define(named("web", 4, Health=CHECK, Update=UPDATE))
        self.cluster.advance(3)
        self.assertEqual([told.healthy for told in self.cluster.claims.values()], [True] * 4)

    def until(self, happened: Callable[[], bool], seconds: float) -> None:
        for _ in range(round(seconds)):
            if happened():
                return
            self.cluster.advance(1)
        self.fail(f"not within {seconds} s: {self.cluster.claims}")

    def claim(self, number: int) -> ClaimRecord:
        return self.cluster.claims[str(instance(number))]

    def hang(self, number: int, node: str | None = None, wrong: str = "no answer") -> None:
        """From now on each check of an instance, or of its copies on one node, ends so."""
        self.verdicts.append(
            lambda agent, one: (
                wrong if one.instance == instance(number) and node in (None, agent.settings.node) else None
            )
        )

    def hang_this_run(self, number: int) -> Callable[[], bool]:
        """The container of an instance answers no more until it is started anew; return whether it was."""
        (holder,) = [agent for name, agent in self.agents.items() if name == self.claim(number).node]
        (run,) = [one for one in holder.running if one.instance == instance(number)]
        self.verdicts.append(lambda _, one: "no answer" if (one.id, one.started) == (run.id, run.started) else None)
        return lambda: run.started not in [one.started for one in holder.running if one.id == run.id]

    @property
    def successors(self) -> list[str]:
        return successors_in(self.cluster.store)

    @property
    def events(self) -> list[str]:
        found = events_in(self.cluster.store)
        return [f"{event.subject}: {event.text}" for event in found]


class ReplacementTests(OverdueCase):
    """Replacements that wait behind one that does not end."""

    def test_stuck_successor(self) -> None:
        """
        The copy that another node prepares for an instance which fails is never found healthy, nor unhealthy: that node
        gives it up after the deadline, with the reason, and another container that hangs is replaced.
        """
        first = self.claim(1).node
        other = "b" if first == "a" else "a"
        self.hang(1, first)
        self.hang(1, other, NO_RESULT)
        self.until(lambda: self.successors == [str(instance(1))] and self.claim(1).due, 120)
        replaced = self.hang_this_run(2)
        self.cluster.advance(DEADLINE / 2)
        self.assertEqual((replaced(), self.successors), (False, [str(instance(1))]))
        self.until(replaced, DEADLINE)
        self.until(lambda: self.claim(2).healthy, 10)
        self.assertEqual(self.successors, [])
        self.assertIn(f"{instance(1)}: {other} does not take it over: {NOT_IN_TIME}", self.events)

    def test_silent_successor(self) -> None:
        """A node that does not even give its succession up keeps nobody else back for longer than that."""
        lease = self.cluster.store.grant(3600).id
        self.cluster.store.put(KEYS.successor(instance(1)), ClaimRecord("z").encode(), lease)
        self.hang(1)
        self.until(lambda: self.claim(1).due, 20)
        replaced = self.hang_this_run(2)
        self.cluster.advance(DEADLINE - 5)
        self.assertFalse(replaced())
        self.until(replaced, 20)

    def test_never_a_verdict(self) -> None:
        """One that was started anew, and of whose health nothing is known since, keeps nobody back without an end."""
        started_anew = self.hang_this_run(1)
        self.hang(1, wrong=NO_RESULT)
        self.until(started_anew, 20)
        replaced = self.hang_this_run(2)
        self.cluster.advance(DEADLINE - 5)
        self.assertFalse(replaced())
        self.until(replaced, 20)

    def test_without_its_engine(self) -> None:
        """Nor does one that was coming up when the Engine of its node went away, for as long as that is away."""
        started_anew = self.hang_this_run(1)
        self.hang(1, wrong=NO_RESULT)
        self.until(started_anew, 20)
        node = self.claim(1).node
        self.agents[node].docker.unavailable = True
        self.cluster.advance(5)
        replaced = self.hang_this_run(next(number for number in (2, 3, 4) if self.claim(number).node != node))
        self.until(replaced, 20)
        self.assertTrue(self.claim(1).overdue)
        self.agents[node].docker.unavailable = False
        self.cluster.advance(15)
        self.assertFalse(self.claim(1).overdue)


class BalancingTests(OverdueCase):
    """A move to balance the load that does not end."""

    rebalance = True

    def test_another_service_moves(self) -> None:
        """After the deadline the node that gets no copy healthy gives it up, and other services move to it."""
        self.cluster.define(named("api", 4, Health=CHECK, Update=UPDATE))
        self.cluster.advance(5)
        self.verdicts.append(
            lambda agent, one: NO_RESULT if (agent.settings.node, one.instance.service) == ("c", API) else None
        )
        joined = self.cluster.make("c")
        joined.unhealthy = Found(joined, self.verdicts)
        self.cluster.start(joined)
        self.until(lambda: bool(self.successors), 20)
        self.cluster.advance(DEADLINE - 5)
        self.assertNotIn("c", [told.node for told in self.cluster.claims.values()])
        self.until(lambda: any(self.claim(number).node == "c" for number in (1, 2, 3, 4)), 30)
        self.assertTrue(all(told.healthy for told in self.cluster.claims.values()))
