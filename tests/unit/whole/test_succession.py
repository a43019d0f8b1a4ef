"""Whole agents that hand instances over: drains, nodes that join, and what goes wrong in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.entries import Commit, Condition, Delete, Operation, Put
from daprdockr.model.stored.mirrored_keys import SuccessorKey
from daprdockr.model.wanted.definition import Definition
from tests.build.stored import successors_in
from tests.build.values import HTTP, KEYS, WEB, definition, fixing, named
from tests.fakes.agents import STEP, MemoryAgent, MemoryCluster
from tests.fakes.engine import MemoryEngine
from tests.fakes.store import MemoryStore

TTL, DRAIN = 6, 10
ALL_CONTAINERS = [f"{number:064x}" for number in range(200)]


class DeafStore(MemoryStore):
    """A store that loses each answer to who ``begun`` to take an instance over, as if others acted meanwhile."""

    begun = 0

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        done = super().commit(conditions, operations)
        if any(isinstance(one, Put) and isinstance(KEYS.read(one.key), SuccessorKey) for one in operations):
            self.begun += 1
            raise EtcdUnavailable("etcd did not answer")
        return done


class HandOverCase(SynchronousTestCase):
    """Nodes ``a`` and ``b``; while time passes every healthy claim is true, and their number never falls."""

    rebalance = False
    store: type[MemoryStore] = MemoryStore

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.cluster.store = self.store()
        self.agents = {name: self.add(name) for name in ("a", "b")}
        self.cluster.advance(1)

    def add(self, node: str) -> MemoryAgent:
        return self.cluster.add(node, no_rebalance=not self.rebalance)

    def join(self, node: str) -> MemoryAgent:
        self.agents[node] = self.add(node)
        return self.agents[node]

    def run_services(self, *definitions: Definition, seconds: float = 2) -> None:
        for one in definitions:
            self.cluster.define(one)
        self.cluster.advance(seconds)

    def drain(self, node: str) -> None:
        self.cluster.store.put(KEYS.cordon(node), asking_to_drain())

    def uncordon(self, node: str) -> None:
        self.cluster.store.commit([], [Delete(KEYS.cordon(node))])

    def sicken(self, node: str) -> None:
        """Each container that starts on this node from now on is found unhealthy."""
        to_come = set(ALL_CONTAINERS).difference(self.running(node))
        self.agents[node].unhealthy.update(dict.fromkeys(to_come, "refused"))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and look closely at each step of it."""
        healthy = self.healthy()
        for _ in range(round(seconds / STEP)):
            self.cluster.advance(STEP)
            self.assertGreaterEqual(self.healthy(), healthy)
            healthy = self.healthy()

    def healthy(self) -> int:
        """The number of healthy claims, of which each has its container running where it says."""
        healthy = {name: told for name, told in self.cluster.claims.items() if told.healthy}
        running = {(c.id, node) for node, agent in self.agents.items() for c in agent.running}
        self.assertEqual([name for name, told in healthy.items() if (told.container, told.node) not in running], [])
        return len(healthy)

    def shares(self) -> dict[str, int]:
        """Healthy claims by node."""
        return dict(Counter(told.node for told in self.cluster.claims.values() if told.healthy))

    def successors(self) -> list[str]:
        """The instances that somebody prepares to take over."""
        return successors_in(self.cluster.store)

    def running(self, node: str) -> list[Any]:
        return [container.id for container in self.agents[node].running]


class DrainTests(HandOverCase):
    """A node is drained."""

    def test_all_leave(self) -> None:
        """All that a drained node has moves to others, and then goes from it; nothing that ran elsewhere is touched."""
        self.run_services(definition(instances=4, Http=HTTP), named("api", 3, Http=HTTP))
        there = set(self.running("b"))
        self.drain("a")
        self.pass_time(10)
        self.assertEqual((self.shares(), self.successors()), ({"b": 7}, []))
        self.pass_time(DRAIN + 2)
        self.assertEqual(self.agents["a"].docker.states, [])
        self.assertEqual(there - set(self.running("b")), set())

    def test_one_after_another(self) -> None:
        """Of one service only one instance is on its way at a time, and those of several services go side by side."""
        self.run_services(definition(instances=6, Http=HTTP), named("api", 2, Http=HTTP))
        before = self.shares()
        self.sicken("b")
        self.drain("a")
        self.pass_time(5)
        self.assertEqual(sorted(name.partition(".")[2] for name in self.successors()), ["api.myapp", "web.myapp"])
        self.assertEqual(self.shares(), before)

    def test_two_nodes_at_once(self) -> None:
        """Two nodes that are drained at the same moment leave no other node with two of a service that spreads."""
        spread = definition(instances=2, Placement={"OnePerNode": True})
        self.run_services(spread, named("api", 2, Container=fixing(5432)))
        for node in ("c", "d"):
            self.join(node)
        for node in ("a", "b"):
            self.drain(node)
        self.pass_time(10)
        placed = sorted((name.partition(".")[2], told.node) for name, told in self.cluster.claims.items())
        self.assertEqual(placed, [(name, node) for name in ("api.myapp", "web.myapp") for node in ("c", "d")])

    def test_serves_on(self) -> None:
        """The copy left behind serves on for the seconds of Drain, and no longer."""
        self.run_services(definition(Http=HTTP))
        (node,) = self.shares()
        self.drain(node)
        self.pass_time(3)
        self.assertEqual((node in self.shares(), len(self.running(node))), (False, 1))
        self.pass_time(DRAIN)
        self.assertEqual(self.running(node), [])

    def test_nowhere_to_go(self) -> None:
        """An instance that no other node can take stays, and serves."""
        self.run_services(definition(Placement={"Constraints": ["node == a"]}))
        before = self.running("a")
        self.drain("a")
        self.pass_time(20)
        self.assertEqual((self.running("a"), self.successors()), (before, []))

    def test_data_stays(self) -> None:
        """An instance that keeps data on its node's disk stays with it."""
        self.run_services(definition(instances=2, Container={"Volumes": ["data:/data"]}))
        before = self.running("a")
        self.drain("a")
        self.pass_time(20)
        self.assertEqual((self.running("a"), self.shares()), (before, {"a": 1, "b": 1}))

    def test_uncordoned_meanwhile(self) -> None:
        """When a drain is taken back what has not left stays, and the successor's copy goes."""
        self.run_services(definition(instances=2, Http=HTTP))
        before = self.running("a")
        self.sicken("b")
        self.drain("a")
        self.pass_time(2)
        self.assertEqual(len(self.successors()), 1)
        self.uncordon("a")
        self.pass_time(DRAIN + 5)
        self.assertEqual((self.running("a"), self.successors(), self.shares()["a"]), (before, [], 1))
        self.assertEqual(len(self.running("b")), 1)

    def test_deleted_meanwhile(self) -> None:
        """A service that is deleted on its way leaves nothing behind."""
        self.run_services(definition(instances=2, Http=HTTP))
        self.sicken("b")
        self.drain("a")
        self.pass_time(2)
        self.cluster.delete(WEB)
        self.cluster.advance(3)
        self.assertEqual([agent.docker.states for agent in self.agents.values()], [[], []])
        self.assertEqual((self.cluster.claims, self.successors()), ({}, []))

    def test_successor_never_well(self) -> None:
        """As long as the successor's copy is not healthy the owner serves on."""
        self.run_services(definition(Http=HTTP, Placement={"Constraints": ["node != c"]}))
        (owner,) = self.shares()
        before = self.running(owner)
        other = "b" if owner == "a" else "a"
        self.sicken(other)
        self.drain(owner)
        self.pass_time(60)
        self.assertEqual((self.running(owner), self.shares()), (before, {owner: 1}))
        self.agents[other].unhealthy.clear()
        self.pass_time(10)
        self.assertEqual(self.shares(), {other: 1})

    def test_successor_dies(self) -> None:
        """When the successor's node dies in the middle another takes its part, and the owner serves until then."""
        self.run_services(definition(Placement={"Constraints": ["node != c"]}, Http=HTTP))
        (owner,) = self.shares()
        other = "b" if owner == "a" else "a"
        self.join("d")
        self.cluster.advance(2)
        self.sicken(other)
        self.sicken("d")
        self.drain(owner)
        self.pass_time(3)
        (taken,) = [name for name in (other, "d") if self.running(name)]
        (spare,) = {other, "d"} - {taken}
        self.cluster.crash(self.agents[taken])
        self.agents[spare].unhealthy.clear()
        self.pass_time(TTL + 5)
        self.assertEqual(self.shares(), {spare: 1})

    def test_owner_dies(self) -> None:
        """When the owner's node dies in the middle the instance comes to run elsewhere nevertheless."""
        self.run_services(definition(instances=2, Http=HTTP))
        self.sicken("b")
        self.drain("a")
        self.pass_time(2)
        self.cluster.crash(self.agents.pop("a"))
        self.agents["b"].unhealthy.clear()
        self.cluster.advance(TTL + 3)
        self.assertEqual((self.shares(), self.successors()), ({"b": 2}, []))
        self.assertEqual(len(self.running("b")), 2)

    def test_etcd_away_meanwhile(self) -> None:
        """While etcd is away a hand-over stands still, and it goes on after."""
        self.run_services(definition(instances=2, Http=HTTP))
        self.sicken("b")
        self.drain("a")
        self.pass_time(2)
        before = self.running("a")
        self.cluster.store.unavailable = True
        self.cluster.advance(3)
        self.assertEqual((self.running("a"), len(self.running("b"))), (before, 2))
        self.cluster.store.unavailable = False
        self.agents["b"].unhealthy.clear()
        self.pass_time(5 + DRAIN)
        self.assertEqual((self.shares(), self.running("a")), ({"b": 2}, []))

    def test_last_room(self) -> None:
        """Of moves that nodes begin together, as many as there is room for go on, and the others end once."""
        memory = {"Image": "web:1", "Memory": 2 << 30}
        self.run_services(definition(instances=2, Container=memory, Http=HTTP))
        self.agents["c"] = self.cluster.add("c", MemoryEngine(node="c", memory=3 << 30), no_rebalance=True)
        self.sicken("c")
        self.drain("a")
        self.drain("b")
        self.pass_time(2)
        begun, revision = self.successors(), self.cluster.store.revision
        self.pass_time(20)
        self.assertEqual((len(begun), self.successors()), (1, begun))
        self.assertLess(self.cluster.store.revision - revision, 5)  # neither began again; health and a mark are written
        self.agents["c"].unhealthy.clear()
        self.pass_time(5)
        self.assertEqual(self.shares()["c"], 1)

    def test_both_drained(self) -> None:
        """When every node is drained nothing moves, and nothing stops."""
        self.run_services(definition(instances=4))
        before = [self.running("a"), self.running("b")]
        self.drain("a")
        self.drain("b")
        self.pass_time(20)
        self.assertEqual([self.running("a"), self.running("b")], before)


class LastRoomTests(HandOverCase):
    """Two nodes are drained, and what they have to leave begins at one moment to take the last room of another."""

    store = DeafStore

    def test_first_goes_on(self) -> None:
        """One of the two moves goes on, and the other one is not begun again and again."""
        wants: dict[str, Any] = {"Container": {"Memory": 3 << 30}, "Http": HTTP}
        self.run_services(named("api", **wants), named("db", **wants))
        self.agents["c"] = self.cluster.add("c", MemoryEngine(node="c", memory=4 << 30), no_rebalance=True)
        self.sicken("c")
        for node in ("a", "b"):
            self.drain(node)
        self.pass_time(5)
        assert isinstance(self.cluster.store, DeafStore)
        self.assertEqual((len(self.successors()), self.cluster.store.begun), (1, 2))


class RebalanceTests(HandOverCase):
    """Nodes that may rebalance."""

    rebalance = True

    def test_new_services_stay(self) -> None:
        """Instances that have just been placed evenly are not moved: no claim is marked as leaving."""
        for count in (3, 8, 12):
            self.cluster.define(named(f"s{count}", count, Http=HTTP))
        starts = self.cluster.store.calls.count("commit")
        self.pass_time(30)
        others = 1 + 4  # a mark of etcd's history, and each node's events of the host names that another service has
        self.assertEqual(self.cluster.store.calls.count("commit") - starts, 2 * 23 + others)

    def test_join(self) -> None:
        """A node that joins is given its share, one instance after another; then all is quiet."""
        self.run_services(definition(instances=9, Http=HTTP), named("api", 3, Http=HTTP))
        self.join("c")
        self.pass_time(60)
        self.assertEqual(self.shares(), {"a": 4, "b": 4, "c": 4})
        self.pass_time(DRAIN + 5)
        self.assertEqual([len(agent.running) for agent in self.agents.values()], [4, 4, 4])
        revision = self.cluster.store.revision
        self.pass_time(20)
        self.assertEqual((self.cluster.store.revision, self.successors()), (revision, []))

    def test_join_beside_keeping(self) -> None:
        """It is given its share also while the node with the most instances was started with ``--no-rebalance``."""
        self.agents["k"] = self.cluster.add("k", no_rebalance=True)
        kept = named("db", 6, Http=HTTP, Placement={"Constraints": ["node != a", "node != b"]})
        loose = definition(instances=6, Http=HTTP, Placement={"Constraints": ["node != k"]})
        self.run_services(kept, loose)
        self.join("c")
        self.pass_time(60)
        self.assertEqual(self.shares(), {"a": 2, "b": 2, "c": 2, "k": 6})

    def test_join_beside_tied(self) -> None:
        """It is given its share also while the node with the most instances can give none."""
        tied = named("db", 5, Http=HTTP, Placement={"Constraints": ["node == a"]})
        loose = definition(instances=4, Http=HTTP, Placement={"Constraints": ["node != a"]})
        self.run_services(tied, loose, seconds=4)
        self.assertEqual(self.shares(), {"a": 5, "b": 4})
        self.join("c")
        self.pass_time(40)
        self.assertEqual((self.shares(), self.successors()), ({"a": 5, "b": 2, "c": 2}, []))

    def test_a_move_is_not_called_off(self) -> None:
        """A move that takes its time does not look pointless as soon as the successor has begun."""
        self.run_services(definition(instances=1, Http=HTTP), named("api", 1, Http=HTTP))
        self.drain("a")
        self.pass_time(5 + DRAIN)
        self.sicken("a")
        self.uncordon("a")
        self.pass_time(25)
        successors, revision = self.successors(), self.cluster.store.revision
        self.pass_time(20)
        self.assertEqual((len(successors), self.successors()), (1, successors))
        self.assertEqual(self.cluster.store.revision, revision)

    def test_one_at_a_time(self) -> None:
        """However uneven the load, one instance is on its way at a time."""
        self.run_services(definition(instances=4, Http=HTTP), named("api", 4, Http=HTTP))
        self.drain("a")
        self.pass_time(10 + DRAIN)
        self.sicken("a")
        self.uncordon("a")
        self.pass_time(25)
        self.assertEqual((len(self.successors()), len(self.running("a")), self.shares()), (1, 1, {"b": 8}))

    def test_imbalance_of_one(self) -> None:
        """An imbalance of one is none."""
        self.run_services(definition(instances=5))
        before = {node: self.running(node) for node in self.agents}
        self.pass_time(40)
        self.assertEqual({node: self.running(node) for node in self.agents}, before)

    def test_uncordoned(self) -> None:
        """A node that was drained and is uncordoned gets its share again."""
        self.run_services(definition(instances=6, Http=HTTP))
        self.drain("a")
        self.pass_time(20)
        self.assertEqual(self.shares(), {"b": 6})
        self.uncordon("a")
        self.pass_time(60)
        self.assertEqual(self.shares(), {"a": 3, "b": 3})
