"""The planner at work on a small cluster: it converges, evenly, whatever happened, and never does what it must not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.fitting import meets
from tests.properties.simulation import Agent, World

NODES = {"a": {"zone": "x"}, "b": {"zone": "y"}, "c": {"zone": "x"}, "d": {}, "e": {"zone": "y"}}
CONSTRAINTS: tuple[list[str], ...] = ([], [], ["zone == x"], ["zone != y"], ["node == b"], ["zone == z"])


def worlds(largest: int = 5) -> st.SearchStrategy[World]:
    return st.integers(1, largest).map(lambda count: World(dict(list(NODES.items())[:count])))


@st.composite
def definitions(draw: st.DrawFn, name: str | None = None, plain: bool = False) -> Definition:
    document: dict[str, Any] = {
        "Name": name or draw(st.sampled_from(["web", "api", "db"])),
        "Group": "g",
        "Instances": draw(st.integers(0, 6)),
        "Container": {"Image": draw(st.sampled_from(["web:1", "web:2"]))},
    }
    if draw(st.booleans()):
        document["Http"] = {"HostName": "a.b", "ContainerPort": 8080}
    if not plain:
        document["Placement"] = {
            "Constraints": draw(st.sampled_from(CONSTRAINTS)),
            "OnePerNode": draw(st.booleans()),
        }
    return Definition.read(document)


class SimulationTestCase(SynchronousTestCase):
    def assert_converged(self, world: World) -> None:
        """Each wanted instance runs once, healthy, from its definition, where its claim says; nothing else runs."""
        truth = world.truth()
        self.assertEqual(set(truth.claimed_services) - set(truth.services), set())
        for name, service in truth.services.items():
            self.assert_instances(world, name, service.definition)
        for agent in world.agents.values():
            for state in agent.containers.values():
                self.assertIn(state.instance.service, truth.services)
                claim = truth.claims(state.instance.service).get(state.instance.number)
                self.assertTrue(claim is None or claim.record.container == state.id, f"{state} is one too many")

    def assert_instances(self, world: World, name: ServiceName, definition: Definition) -> None:
        claims = world.truth().claims(name)
        able = [
            node
            for node, agent in world.agents.items()
            if all(meets(c, Candidate(node, agent.labels, 0)) for c in definition.placement.constraints)
        ]
        wanted = definition.instances if able else 0
        if definition.placement.one_per_node:
            wanted = min(wanted, len(able))
            self.assertLessEqual(max(Counter(claim.node for claim in claims.values()).values(), default=0), 1)
        self.assertEqual(len(claims), wanted)
        for number, claim in claims.items():
            self.assertLessEqual(number, definition.instances)
            self.assertIn(claim.node, able)
            self.assertEqual((claim.record.state, claim.record.healthy), (State.RUNNING, True))
            state = world.agents[claim.node].containers[claim.record.container]
            self.assertTrue(state.running)
            self.assertEqual((state.definition, state.instance), (definition.digest, claim.instance))


class ConvergenceTests(SimulationTestCase):
    @given(worlds(), st.lists(definitions(), max_size=4))
    def test_from_nothing(self, world: World, wanted: list[Definition]) -> None:
        """New services run soon, at one try for each claim, within constraints and OnePerNode."""
        for definition in wanted:
            world.set(definition)
        self.assertLessEqual(world.settle(), 10)
        self.assert_converged(world)
        self.assertEqual(world.attempts, sum(world.truth().loads.values()))

    @given(worlds(), st.lists(definitions(plain=True), max_size=4, unique_by=lambda d: d.name))
    def test_even(self, world: World, wanted: list[Definition]) -> None:
        """Over equal nodes a service's instances are even; and so are all claims of services set one by one."""
        for definition in wanted:
            world.set(definition)
            world.settle()
            held = Counter(claim.node for claim in world.truth().claims(definition.name).values())
            for counts in (held, world.truth().loads):
                numbers = [counts[node] for node in world.agents]
                self.assertLessEqual(max(numbers) - min(numbers), 1)

    @given(worlds(), definitions("web"), definitions("web"))
    def test_changed(self, world: World, before: Definition, after: Definition) -> None:
        """A changed definition is carried out by new containers where it needs them, and by nothing else."""
        world.set(before)
        world.settle()
        old = set(world.containers())
        world.set(after)
        if before.placement == after.placement:
            world.settle()
            self.assert_converged(world)
            new = set(world.containers())
            if before.digest == after.digest:
                self.assertTrue(old <= new or new <= old)

    @given(worlds(), st.lists(definitions(), max_size=4))
    def test_deleted(self, world: World, wanted: list[Definition]) -> None:
        """Deleted services leave no container and no claim."""
        for definition in wanted:
            world.set(definition)
        world.settle()
        for definition in wanted:
            world.delete(definition.name)
        world.settle()
        self.assert_converged(world)
        self.assertEqual(world.containers(), {})


FAULTS = st.sampled_from(
    ["crash", "crash", "remove", "cut off", "cut off", "reconnect", "restart", "forget lease", "power", "set", "delete"]
    + ["round"] * 6
    + ["long"]
)
LONG = 14
"""Rounds, which together are longer than a lease lasts."""


class Trouble:
    """Draws what happens to a cluster."""

    def __init__(self, world: World, draw: Any) -> None:
        self.world, self.draw = world, draw
        self.agents = list(world.agents.values())

    def happen(self, fault: str) -> None:
        match fault:
            case "set":
                self.world.set(self._definition(self.draw(st.sampled_from(["web", "api"]))))
            case "delete":
                self.world.delete(ServiceName(group="g", service="web"))
            case "round":
                lag = self.draw(st.lists(st.integers(0, 3), min_size=5, max_size=5))
                self.world.round(lambda names: self.draw(st.permutations(names)), lag.pop)
            case "long":
                self.world.rounds(LONG)
            case _:
                self._befall(self.draw(st.sampled_from(self.agents)), fault)

    def _befall(self, agent: Agent, fault: str) -> None:
        match fault:
            case "crash" | "remove" if agent.containers:
                container = self.draw(st.sampled_from(sorted(agent.containers)))
                agent.end(container)
                if fault == "remove":
                    del agent.containers[container]
            case "cut off":
                agent.cut_off()
            case "reconnect":
                agent.reconnect()
            case "restart" | "forget lease" if agent.connected:
                agent.restart(keep_lease=fault == "restart")
            case "power":
                for container in agent.containers:
                    agent.end(container)
                agent.reconnect()
                agent.restart(keep_lease=False)

    def _definition(self, name: str) -> Definition:
        """One of the service's forms; placement, which moves nothing that runs, stays the same."""
        document = self.draw(definitions(name, plain=True)).write()
        return Definition.read({**document, "Placement": {"OnePerNode": name == "api"}})


class TroubleTests(SimulationTestCase):
    @given(worlds(4), st.lists(FAULTS, min_size=5, max_size=40), st.data())
    def test_recovers(self, world: World, faults: list[str], data: st.DataObject) -> None:
        """After any faults the cluster converges, and no container was stopped without reason."""
        trouble = Trouble(world, data.draw)
        trouble.happen("set")
        world.settle()
        for fault in faults:
            trouble.happen(fault)
            self.assert_one_per_node(world)
        for agent in world.agents.values():
            agent.reconnect()
        trouble.happen("long")
        world.settle()
        self.assert_converged(world)

    def assert_one_per_node(self, world: World) -> None:
        truth = world.truth()
        for name, service in truth.services.items():
            if service.definition.placement.one_per_node:
                held = Counter(claim.node for claim in truth.claims(name).values())
                self.assertLessEqual(max(held.values(), default=0), 1)

    def test_agents_restarted(self) -> None:
        """Agents that end and begin again with their lease change nothing; nor does one without it that is alone."""
        for count, keep_lease in ((5, True), (1, True), (1, False)):
            world = self._settled(count, instances=9)
            before = world.containers()
            for agent in world.agents.values():
                agent.restart(keep_lease)
            world.rounds(LONG)
            self.assertEqual(world.containers(), before)
            self.assert_converged(world)

    def test_etcd_away_for_long(self) -> None:
        """While all are cut off, for longer than leases last, everything runs on; then it is claimed again."""
        for count in (1, 5):
            world = self._settled(count, instances=7)
            before = world.containers()
            for agent in world.agents.values():
                agent.cut_off()
            self.assertEqual(world.rounds(2 * LONG), 0)
            self.assertEqual(world.containers(), before)
            for agent in world.agents.values():
                agent.reconnect()
            world.settle()
            self.assert_converged(world)
            if count == 1:
                self.assertEqual(world.containers(), before)

    def test_a_node_that_is_gone(self) -> None:
        """The others run the instances of a silent node, evenly shared; when it is back its copies go."""
        world = self._settled(3, instances=12)
        self.assertEqual(sorted(world.truth().loads.values()), [4, 4, 4])
        world.agents["b"].cut_off()
        world.rounds(LONG)
        self.assertEqual(+world.truth().loads, Counter(a=6, c=6))
        self.assertEqual(len(world.agents["b"].containers), 4)
        world.agents["b"].reconnect()
        world.settle()
        self.assertEqual(len(world.agents["b"].containers), 0)
        self.assert_converged(world)

    def _settled(self, count: int, instances: int) -> World:
        world = World(dict(list(NODES.items())[:count]))
        document = {"Name": "web", "Group": "g", "Instances": instances, "Container": {"Image": "web:1"}}
        world.set(Definition.read(document))
        world.settle()
        return world
