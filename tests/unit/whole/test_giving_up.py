"""Whole agents on a host where containers do not start: what they have moves, and nothing circulates."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.stored import events_in, successors_in
from tests.build.values import KEYS, definition, named
from tests.fakes.agents import MemoryAgent, MemoryCluster


class GivingUpCase(SynchronousTestCase):
    nodes: tuple[str, ...] = ("a", "b")
    rebalance = False

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents: dict[str, MemoryAgent] = {}
        for node in self.nodes:
            self.agents[node] = self.cluster.add(
                node, no_rebalance=not self.rebalance, allow=frozenset({"host-devices"})
            )
        self.cluster.advance(1)

    def darken(self, *nodes: str, dark: bool = True) -> None:
        for node in nodes:
            self.agents[node].docker.starts_nothing = dark

    def run_services(self, *definitions: Definition, seconds: float = 10) -> None:
        for one in definitions:
            self.cluster.define(one)
        self.cluster.advance(seconds)

    def holders(self) -> dict[str, str]:
        """The node of each instance that is healthy."""
        return {name: told.node for name, told in self.cluster.claims.items() if told.healthy}

    def starts(self) -> int:
        return sum(agent.docker.calls["start"] for agent in self.agents.values())

    def record(self, node: str) -> NodeRecord:
        entry = self.cluster.store.get(KEYS.node(node))
        assert entry is not None
        return NodeRecord.decode(entry.value)

    def successions(self) -> int:
        return len(successors_in(self.cluster.store))

    def events(self) -> list[str]:
        told = events_in(self.cluster.store)
        return [f"{event.subject}: {event.text}" for event in told]


class BlackHoleTests(GivingUpCase):
    """The Engine of ``b`` answers, and starts nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.darken("b")

    def test_moves(self) -> None:
        """All instances that ``b`` took run on ``a`` soon, and nothing is left of them on ``b``."""
        self.run_services(definition(instances=10))
        self.assertEqual(list(self.holders().values()), ["a"] * 10)
        self.assertEqual((self.successions(), self.agents["b"].docker.states), (0, []))

    def test_taken_last(self) -> None:
        """The next service goes to the other node at once, also where the former one failed alone."""
        self.run_services(definition(instances=2))
        before = self.agents["b"].docker.calls["create"]
        self.run_services(definition(instances=4))
        self.assertEqual(self.holders(), dict.fromkeys([f"{n}.web.myapp" for n in range(1, 5)], "a"))
        self.assertEqual(self.agents["b"].docker.calls["create"], before)

    def test_dark(self) -> None:
        """When services of several definitions failed there, and none started, it is taken last for all others."""
        self.run_services(definition(instances=2), named("api", 2))
        self.assertIn("no space left on device", self.record("b").trouble)
        before = self.agents["b"].docker.calls["create"]
        self.run_services(named("third", 3))
        self.assertEqual(len(self.holders()), 7)
        self.assertEqual(self.agents["b"].docker.calls["create"], before)

    def test_taken_when_there_is_no_other(self) -> None:
        """An instance that no other node may take is tried on a dark node; a start that succeeds ends the darkness."""
        only: dict[str, Any] = {"Placement": {"Constraints": ["node == b"]}}
        self.run_services(definition(instances=2), named("api", 2))
        self.run_services(named("tied", 1, **only))
        self.assertEqual((self.record("b").trouble != "", "1.tied.myapp" in self.holders()), (True, False))
        self.darken("b", dark=False)
        self.cluster.advance(70)
        self.assertEqual((self.holders()["1.tied.myapp"], self.record("b").trouble), ("b", ""))
        self.cluster.advance(600)
        self.assertEqual((self.record("b").trouble, self.record("b").fails), ("", ()))

    def test_forgotten(self) -> None:
        """After ten minutes without another failure it is a node like any other."""
        self.run_services(definition(instances=4), named("api", 2))
        self.darken("b", dark=False)
        self.cluster.advance(700)
        self.assertEqual((self.record("b").trouble, self.record("b").fails), ("", ()))
        self.run_services(named("third", 6))
        self.assertIn("b", self.holders().values())

    def test_reason_is_told(self) -> None:
        """People find the reason in the events, for the instances and for the node."""
        self.run_services(definition(instances=2), named("api", 2))
        told = self.events()
        self.assertTrue(any(t.startswith("b: no container starts on this node") for t in told), told)
        self.assertTrue(any("container could not be started" in t and "no space left" in t for t in told), told)

    def test_at_most_one(self) -> None:
        """An instance of which there may only be one copy leaves by being released."""
        self.run_services(definition(instances=4, OnPartition="stop"))
        self.assertEqual(list(self.holders().values()), ["a"] * 4)

    def test_hung_start(self) -> None:
        """A start that is not answered in time counts as several that failed."""
        self.darken("b", dark=False)
        self.agents["b"].docker.silent = True
        self.run_services(definition(instances=4), seconds=5)
        self.assertEqual(list(self.holders().values()), ["a"] * 4)

    def test_data_stays(self) -> None:
        """An instance that keeps data on the disk of its node does not leave it."""
        self.run_services(definition(instances=4, Container={"Volumes": ["data:/data"]}), seconds=30)
        self.assertEqual(sorted(self.holders().values()), ["a", "a"])
        self.assertEqual({c.node for c in self.cluster.claims.values() if not c.healthy}, {"b"})

    def test_restart(self) -> None:
        """An instance that runs on such a node, and does not come up again after it died, moves as well."""
        self.darken("b", dark=False)
        self.run_services(definition(instances=4))
        self.assertEqual(sorted(self.holders().values()), ["a", "a", "b", "b"])
        self.darken("b")
        for container in self.agents["b"].running:
            self.agents["b"].docker.crash(container.id)
        self.cluster.advance(10)
        self.assertEqual(list(self.holders().values()), ["a"] * 4)


class AnyHostTests(GivingUpCase):
    """Whichever hosts start nothing, and whenever."""

    nodes = ("a", "b", "c", "d")

    @settings(max_examples=4)
    @given(
        st.sets(st.sampled_from("abcd"), max_size=3),
        st.lists(st.integers(1, 5), min_size=1, max_size=3),
        st.booleans(),
    )
    def test_all_run(self, dark: set[str], instances: list[int], late: bool) -> None:
        """Everything runs within half a minute on hosts that start things, no start is tried without end."""
        self.setUp()
        wanted = [named(f"s{number}", count) for number, count in enumerate(instances)]
        if late:
            self.run_services(*wanted)
        self.darken(*dark)
        for node in dark:
            for container in self.agents[node].running:
                self.agents[node].docker.crash(container.id)
        self.run_services(*wanted, seconds=30)
        self.assertEqual(len(self.holders()), sum(instances))
        self.assertEqual(dark.intersection(self.holders().values()), set())
        self.assertEqual(self.successions(), 0)
        before = self.starts()
        self.cluster.advance(30)
        self.assertEqual(self.starts(), before)


class RebalanceTests(GivingUpCase):
    """With rebalancing, a node on which things fail has the least of all."""

    nodes = ("a", "b", "c")
    rebalance = True

    def test_not_handed_back(self) -> None:
        """Nothing that runs elsewhere is handed to a node on which it fails."""
        self.darken("b")
        self.run_services(definition(instances=9), seconds=20)
        shares = Counter(self.holders().values())
        self.assertEqual((shares.keys(), sorted(shares.values())), ({"a", "c"}, [4, 5]))
        before = self.agents["b"].docker.calls["create"]
        self.cluster.advance(120)
        self.assertEqual((self.agents["b"].docker.calls["create"], self.successions()), (before, 0))

    def test_two_dark(self) -> None:
        """When the first that takes over fails as well, the next one does."""
        self.darken("b", "c")
        self.run_services(definition(instances=9), seconds=30)
        self.assertEqual(list(self.holders().values()), ["a"] * 9)


class BadDefinitionTests(GivingUpCase):
    """Definitions that start nowhere."""

    nodes = ("a", "b", "c")

    def bad(self, service: str = "bad", **members: Any) -> Definition:
        return named(service, image="broken:1", **members)

    def setUp(self) -> None:
        super().setUp()
        for agent in self.agents.values():
            agent.docker.add_image("broken:1")
            agent.docker.broken_images.add("broken:1")

    def test_does_not_circulate(self) -> None:
        """It is tried a few times on each node, and from then on by its owner alone, each time later."""
        ways: tuple[dict[str, Any], ...] = ({}, {"OnPartition": "stop"})
        for members in ways:
            self.run_services(self.bad(**members), seconds=60)
            before, (owner,) = self.starts(), {c.node for c in self.cluster.claims.values()}
            self.cluster.advance(120)
            self.assertLess(self.starts() - before, 5)
            self.assertEqual(({c.node for c in self.cluster.claims.values()}, self.successions()), ({owner}, 0))
            (told,) = self.cluster.claims.values()
            self.assertEqual((told.state, told.leaving), (State.BACKING_OFF, False))
            self.assertIn("executable file not found", told.reason)
            self.cluster.store.commit([], [Delete(KEYS.service(self.bad().name))])
            self.cluster.advance(10)

    def test_makes_no_node_dark(self) -> None:
        """However many definitions are bad, no node looks dark, and a good service is placed as if they were not."""
        self.run_services(*(self.bad(f"bad{number}") for number in range(5)), seconds=30)
        self.assertEqual([self.record(node).trouble for node in self.nodes], ["", "", ""])
        self.run_services(definition(instances=6))
        self.assertEqual(sorted(self.holders().values()), sorted("aabbcc"))

    def test_one_bad_host_definition(self) -> None:
        """A definition that fails in the Engine makes no node dark where others start."""
        absent = {"PathOnHost": "/dev/absent", "PathInContainer": "/dev/absent", "CgroupPermissions": "rwm"}
        lacking = definition(instances=3, Container={"Devices": [absent]})
        self.run_services(lacking, named("good", 3), seconds=30)
        self.assertIn("no such device", self.cluster.claims["1.web.myapp"].reason)
        self.assertEqual([self.record(node).trouble for node in self.nodes], ["", "", ""])
        self.assertEqual(len(self.holders()), 3)

    def lacking(self, service: str, instances: int = 1, **members: Any) -> Definition:
        """A definition with a device that no host has, which is a fault in the Engine's words."""
        absent = {"PathOnHost": "/dev/absent", "PathInContainer": "/dev/absent", "CgroupPermissions": "rwm"}
        return named(service, instances, Container={"Devices": [absent]}, **members)

    def test_bad_host_definitions(self) -> None:
        """Several of them make no node dark: alone, beside what runs, or while they are retried for long."""
        self.run_services(self.lacking("bad1", 3), self.lacking("bad2", 3), seconds=30)
        self.assertEqual([self.record(node).trouble for node in self.nodes], ["", "", ""])
        self.run_services(named("good", 6))
        self.assertEqual(sorted(self.holders().values()), sorted("aabbcc"))
        self.run_services(self.lacking("bad3"), self.lacking("bad4"), seconds=100)
        self.assertEqual([self.record(node).trouble for node in self.nodes], ["", "", ""])
        self.assertFalse([told for told in self.events() if "nothing starts" in told])

    def test_device_of_some_hosts(self) -> None:
        """Two that run elsewhere, and not on a host without their device, do not make it dark where others start."""
        for node in "ab":
            self.agents[node].docker.devices.add("/dev/absent")
        self.run_services(self.lacking("one", 3), self.lacking("two", 3), named("good", 3), seconds=30)
        self.run_services(named("better", 3), seconds=100)
        self.assertEqual([self.record(node).trouble for node in self.nodes], ["", "", ""])

    def test_mended(self) -> None:
        """A mended definition is tried at once where it is."""
        self.run_services(self.bad(), seconds=60)
        self.run_services(named("bad"), seconds=5)
        self.assertEqual(list(self.holders()), ["1.bad.myapp"])
        self.assertEqual([self.record(node).fails for node in self.nodes], [(), (), ()])

    def test_image_elsewhere_with_volumes(self) -> None:
        """So it does an instance with a named volume, which has no data before its first container, and then has."""
        self.agents["c"].docker.add_image("local:1")
        self.run_services(named("busy", 4, Placement={"Constraints": ["node == c"]}))
        local = named("local", image="local:1", Container={"Volumes": ["data:/data"]})
        self.run_services(local, seconds=20)
        self.assertEqual(self.holders()["1.local.myapp"], "c")
        self.assertEqual(self.successions(), 0)
        self.agents["c"].docker.starts_nothing = True
        (copy,) = (one for one in self.agents["c"].running if one.instance.service == local.name)
        self.agents["c"].docker.crash(copy.id)
        self.cluster.advance(40)
        self.assertEqual(self.cluster.claims["1.local.myapp"].node, "c")

    def test_image_nowhere(self) -> None:
        """An instance with a volume whose image no node can have was tried on each, and stays on the last one."""
        self.run_services(named("local", image="local:1", Container={"Volumes": ["data:/data"]}), seconds=60)
        key = KEYS.claim(InstanceName.parse("1.local.myapp"))
        before = self.cluster.store.get(key)
        self.cluster.advance(60)
        after = self.cluster.store.get(key)
        assert before is not None and after is not None
        self.assertEqual(before.create_revision, after.create_revision)

    def test_image_elsewhere(self) -> None:
        """An image that only one node has, and no registry, draws the instance there."""
        self.agents["c"].docker.add_image("local:1")
        busy = named("busy", 4, Placement={"Constraints": ["node == c"]})
        self.run_services(busy)
        self.run_services(named("local", image="local:1"), seconds=20)
        self.assertEqual(self.holders()["1.local.myapp"], "c")
