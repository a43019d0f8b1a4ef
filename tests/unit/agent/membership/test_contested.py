"""Whole agents on machines that publish the same address."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.picture.nodes import node_table
from tests.build.values import definition
from tests.build.whole import ONE, TTL, TWO, names, starts
from tests.fakes.agents import MemoryAgent, MemoryCluster

CLASH = "10.0.0.1 is the address of node b on another machine"


class ContestedTests(SynchronousTestCase):
    """Node ``b`` has the address 10.0.0.1, before ``a`` comes."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.first = self.cluster.add("b")

    def add(self, machine: str, address: str = "10.0.0.1") -> MemoryAgent:
        """An agent ``a``, which had the time to become ready."""
        agent = self.cluster.make("a", host=(address,))
        agent.machine = machine
        self.cluster.start(agent)
        self.cluster.advance(2 * TTL)
        return agent

    def again(self, agent: MemoryAgent, address: str) -> MemoryAgent:
        """The agent is started again, with another ``--host``, before its lease ends."""
        self.cluster.stop(agent)
        later = self.cluster.make("a", agent.docker, host=(address,), state_dir=agent.settings.state_dir)
        later.machine = agent.machine
        return self.cluster.start(later)

    def test_second(self) -> None:
        """The second claims nothing and says why, in one line; the first goes on."""
        with capturedLogs() as logged:
            second = self.add("m2")
            self.cluster.define(definition(instances=2))
            self.cluster.advance(60)
        self.assertEqual((names(self.first), names(second)), ([ONE, TWO], []))
        lines = [event["trouble"] for event in logged if CLASH in str(event.get("trouble"))]
        self.assertEqual(len(lines), 1)
        self.assertEqual((self.first.troubles(), second.troubles()), ([], lines))
        self.assertEqual([row[-1] for row in node_table(self.first.cluster).cells], [*lines, "-"])

    def test_alone(self) -> None:
        """It claims nothing even if the other is given nothing."""
        self.add("m2")
        self.cluster.define(definition(Placement={"Constraints": ["node == a"]}))
        self.cluster.advance(60)
        self.assertEqual(self.cluster.claims, {})

    def test_same_machine(self) -> None:
        """Two agents on one machine share the address, and the instances."""
        second = self.add("m1")
        self.cluster.define(definition(instances=2))
        self.cluster.advance(5)
        self.assertEqual((len(names(self.first)), len(names(second)), second.troubles()), (1, 1, []))

    def test_loopback(self) -> None:
        """Loopback addresses are each machine's own."""
        agents = [self.add("m2", "127.0.0.1"), self.cluster.add("c", host=("127.0.0.1",))]
        self.cluster.advance(TTL)
        self.assertEqual([agent.troubles() for agent in agents], [[], []])

    def test_first_gone(self) -> None:
        """When the first has gone the second has the address, and says so; the first yields when it comes again."""
        second = self.add("m2")
        self.cluster.define(definition())
        self.cluster.advance(1)
        self.cluster.crash(self.first)
        with capturedLogs() as logged:
            self.cluster.advance(3 * TTL)
        self.assertEqual((names(second), second.troubles()), ([ONE], []))
        self.assertEqual(len([e for e in logged if "no other machine publishes" in e["log_format"]]), 1)
        first = self.cluster.succeed(self.first)
        self.cluster.advance(TTL)
        self.assertIn("is the address of node a", first.troubles()[0])

    def test_wrong_host(self) -> None:
        """A node that is started again with the address of a younger one yields, and keeps what it runs."""
        self.cluster.crash(self.first)
        elder = self.add("m2", "10.0.0.9")
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = starts(elder)
        self.first = self.cluster.add("c")
        elder = self.again(elder, "10.0.0.1")
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3 * TTL)
        self.assertEqual((starts(elder), self.first.troubles()), (before, []))
        self.assertIn("is the address of node c", elder.troubles()[0])
        self.assertEqual(names(self.first), [TWO])
        elder.docker.crash(before[0][0])
        self.cluster.advance(5)
        self.assertEqual([claim.node for claim in self.cluster.claims.values()], ["a", "c"])
        self.assertEqual(names(elder), [ONE])
        elder = self.again(elder, "10.0.0.9")
        self.cluster.advance(TTL)
        self.assertEqual(elder.troubles(), [])

    def test_at_once(self) -> None:
        """It yields before its record says that it is not ready."""
        elder = self.again(self.add("m2", "10.0.0.9"), "10.0.0.1")
        self.cluster.advance(0.1)
        self.assertTrue(self.first.cluster.nodes["a"].record.ready)
        self.cluster.define(definition(Placement={"Constraints": ["node == a"]}))
        self.cluster.advance(60)
        self.assertEqual((self.cluster.claims, self.first.cluster.nodes["a"].record.ready), ({}, False))
        self.assertIn(CLASH, elder.troubles()[0])
