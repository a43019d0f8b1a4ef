"""Where a node is: addresses that the machine does not have, and an address that changes."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.agent.reconcile.network import ContainerNetwork
from daprdockr.picture.nodes import node_table
from daprdockr.proxy.relay import LOOPBACK
from daprdockr.wiring.carrying_out import network
from tests.build.stored import events_in
from tests.build.values import HTTP, definition
from tests.fakes.agents import MemoryAgent, MemoryCluster

MOVED = (
    "the address of this node is 127.0.0.9, and no longer 127.0.0.1, which the containers that are here have as their "
    "resolver until they are replaced"
)
SOON = 6.0
"""Seconds in which the address is read again, a beat passes and what follows from it is done."""


class WhereaboutsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)

    def begun(self, given: bool) -> MemoryAgent:
        """An agent of a host that has the address 127.0.0.1, and whether ``--host`` named that."""
        agent = self.cluster.make("a", host=("127.0.0.1",), host_given=given)
        agent.interfaces, agent.routed_from = frozenset({"127.0.0.1", "127.0.0.2"}), "127.0.0.1"
        self.cluster.start(agent)
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(SOON)
        return agent

    def move(self, agent: MemoryAgent) -> list[str]:
        """The host gets another address; the lines logged as warnings."""
        agent.interfaces, agent.routed_from = frozenset({"127.0.0.9"}), "127.0.0.9"
        with capturedLogs() as logged:
            self.cluster.advance(3 * SOON)
        return [event["line"] for event in logged if "line" in event]

    def test_values(self) -> None:
        """Missing addresses are known only where the kernel lists those that are there."""
        for own, missing, listened in (({"::1"}, ("1.2.3.4",), ("::1",)), ((), (), ("1.2.3.4", "::1"))):
            where = Whereabouts.of(["1.2.3.4", "::1"], own)
            self.assertEqual(where, Whereabouts(("1.2.3.4", "::1"), missing, listened))

    def test_missing(self) -> None:
        """An address that the machine does not have is published, with one warning, and ``nodes`` shows it."""
        agent = self.cluster.make("a", host=("203.0.113.7",))
        agent.interfaces = frozenset({"127.0.0.1"})
        with capturedLogs() as logged:
            self.cluster.start(agent)
            self.cluster.advance(3 * SOON)
        (line,) = [event["line"] for event in logged if "line" in event]
        self.assertIn("203.0.113.7 is published", line)
        self.assertIn("203.0.113.7 is no address of this machine", str(node_table(agent.cluster).cells))
        self.assertEqual(agent.cluster.nodes["a"].record.addresses, ("203.0.113.7",))

    def test_translated(self) -> None:
        """Behind a router that translates addresses instances are tried at loopback, and published as before."""
        agent = self.cluster.make("a", host=("203.0.113.7",))
        agent.interfaces = frozenset({"127.0.0.1"})
        self.cluster.start(agent)
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(SOON)
        self.assertEqual({host for target in agent.looked for host, _ in target.routes}, {"127.0.0.1"})
        assert agent.routing is not None
        self.assertEqual([u.address for route in agent.routing.routes for u in route.upstreams], ["203.0.113.7"])

    def test_listened(self) -> None:
        """Routes are listened to at an address of ``--host`` that comes later, also while it is away again."""
        agent = self.cluster.make("a", host=("10.9.0.1",), host_given=True)
        agent.interfaces = frozenset({"10.0.0.5"})
        self.cluster.start(agent)
        found = [self.listened(agent)]
        for interfaces in ({"10.0.0.6"}, {"10.0.0.6", "10.9.0.1"}, {"10.0.0.6"}, set[str]()):
            agent.interfaces = frozenset(interfaces)
            self.cluster.advance(SOON)
            found.append(self.listened(agent))
        self.assertEqual(found, ["10.0.0.5", "10.0.0.6", *["10.9.0.1"] * 3])

    def test_unsaid(self) -> None:
        """Behind a router routes are listened to as before while the kernel does not say which addresses there are."""
        agent = self.cluster.make("a", host=("203.0.113.7",), host_given=True)
        agent.interfaces = frozenset({"10.0.0.5"})
        self.cluster.start(agent)
        agent.interfaces = frozenset()
        self.cluster.advance(SOON)
        self.assertEqual(self.listened(agent), "10.0.0.5")

    def listened(self, agent: MemoryAgent) -> str:
        """The first address at which the relay is to listen; behind it there is only loopback."""
        first, *others = agent.parts.outward.relay._addresses
        self.assertEqual(tuple(others), LOOPBACK)
        return first

    def test_present(self) -> None:
        """An address that it has is nobody's concern."""
        agent = self.begun(True)
        self.assertEqual(agent.cluster.nodes["a"].record.missing, ())

    def test_moved(self) -> None:
        """Where ``--host`` was not given, a new address is published for the node, its instances, names and routes."""
        agent = self.begun(False)
        lines = self.move(agent)
        self.assertEqual(lines, [MOVED])
        self.assertEqual(agent.cluster.nodes["a"].record.addresses, ("127.0.0.9",))
        self.assertEqual([record.addresses for record in self.cluster.claims.values()], [("127.0.0.9",)])
        assert agent.zone is not None and agent.routing is not None
        found = [agent.zone.lookup(labels) for labels in ((b"1", b"web", b"myapp"), (b"a", b"ns", b"dns"))]
        self.assertEqual([next(iter(sets.values())).data for sets in found if sets], [("127.0.0.9",)] * 2)
        self.assertEqual([u.address for route in agent.routing.routes for u in route.upstreams], ["127.0.0.9"])
        events = [event.text for event in events_in(self.cluster.store)]
        self.assertIn(lines[0], events)

    def test_published(self) -> None:
        """Ports are published on the addresses of ``--host``; without it on all, so that they follow a new one."""
        self.assertEqual(self.network(self.begun(given=True)).addresses, ("127.0.0.1",))
        self.assertEqual(self.network(self.cluster.make("b", host_given=False)).addresses, ())

    def network(self, agent: MemoryAgent) -> ContainerNetwork:
        return network(agent.parts.base, agent.parts.outward, agent.parts.found.around)

    def test_named(self) -> None:
        """Where it was given it stays what it is, and that the machine lost it is said."""
        agent = self.begun(True)
        (line,) = self.move(agent)
        self.assertIn("127.0.0.1 is published", line)
        record = agent.cluster.nodes["a"].record
        self.assertEqual((record.addresses, record.missing), (("127.0.0.1",), ("127.0.0.1",)))
        self.assertEqual([record.addresses for record in self.cluster.claims.values()], [("127.0.0.1",)])
