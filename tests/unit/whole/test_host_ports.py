"""Whole agents and definitions that fix a host port: one instance on a node has it, and never two."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.picture.instances import instance_table
from tests.build.stored import events_in
from tests.build.values import KEYS, WEB, definition, fixing, named
from tests.fakes.agents import MemoryAgent, MemoryCluster

HOST = 64_321
FIXED = fixing(HOST)


class HostPortCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = {node: self.cluster.add(node) for node in ("a", "b")}
        self.cluster.advance(1)

    def where(self) -> dict[str, str]:
        """The node of each instance that is healthy."""
        return {name: told.node for name, told in self.cluster.claims.items() if told.healthy}

    def reasons(self) -> dict[str, str]:
        """The reason that ``ps`` gives for each instance that is not healthy."""
        rows = instance_table(self.agents["a"].cluster, None).rows
        return {row["Instance"]: row["Reason"] for row in rows if not row["Healthy"]}

    def having(self, agent: MemoryAgent) -> list[ContainerState]:
        return [one for one in agent.running if HOST in {port.host for port in one.ports}]

    def events(self) -> list[str]:
        return [event.text for event in events_in(self.cluster.store)]


class PlacingTests(HostPortCase):
    def test_one_on_each_node(self) -> None:
        """Of three instances two run, each on its own node at that port; what the third waits for is its reason."""
        self.cluster.define(definition(instances=3, Container=FIXED))
        self.cluster.advance(20)
        self.assertEqual(sorted(self.where().values()), ["a", "b"])
        self.assertEqual([len(self.having(agent)) for agent in self.agents.values()], [1, 1])
        (reason,) = self.reasons().values()
        self.assertEqual(reason, f"no node has host port {HOST}/tcp free: each node has it for one instance")

    def test_two_services(self) -> None:
        """Two services that want one port run on two nodes, also when they are set at the same time."""
        self.cluster.define(definition(Container=FIXED))
        self.cluster.define(named("api", Container=FIXED))
        self.cluster.advance(10)
        self.assertEqual(sorted(self.where().values()), ["a", "b"])
        self.assertEqual(self.events(), [])

    def test_freed(self) -> None:
        """An instance that waits for a port gets it when that is free; nothing is claimed or created before."""
        for service in ("web", "api", "third"):
            self.cluster.define(named(service, Container=FIXED))
            self.cluster.advance(5)
        self.assertEqual(list(self.reasons()), ["1.third.myapp"])
        self.assertEqual(sum(agent.docker.calls["create"] for agent in self.agents.values()), 2)
        self.cluster.delete(WEB)
        self.cluster.advance(40)
        self.assertEqual(sorted(self.where()), ["1.api.myapp", "1.third.myapp"])

    def test_scaled_onto_one_node(self) -> None:
        """When a definition of several instances on a node fixes a port, one of them has it, and the others move."""
        self.cluster.stop(self.agents["b"])
        self.cluster.advance(10)
        self.cluster.define(definition(instances=2, Container={"ExposedPorts": ["80"]}))
        self.cluster.advance(5)
        self.agents["b"] = self.cluster.succeed(self.agents["b"])
        self.cluster.advance(6)
        self.cluster.define(definition(instances=2, Container=FIXED))
        self.cluster.advance(60)
        self.assertEqual(sorted(self.where().values()), ["a", "b"])

    def test_drained(self) -> None:
        """An instance leaves a drained node for one that has the port free, and stays where none has."""
        self.cluster.define(definition(Container=FIXED))
        self.cluster.advance(5)
        (node,) = self.where().values()
        (other,) = set(self.agents) - {node}
        self.cluster.store.put(KEYS.cordon(node), asking_to_drain())
        self.cluster.advance(20)
        self.assertEqual(self.where(), {"1.web.myapp": other})
        self.assertEqual([len(self.having(self.agents[one])) for one in (node, other)], [0, 1])


class KeepingTests(HostPortCase):
    def test_changed(self) -> None:
        """A changed definition stops the old container before the new one starts: both would need the port."""
        self.cluster.define(definition(Container=FIXED))
        self.cluster.advance(5)
        self.cluster.define(definition(Container={**FIXED, "Env": ["A=1"]}))
        self.cluster.advance(5)
        (agent,) = (one for one in self.agents.values() if self.having(one))
        (new,) = agent.running
        self.assertEqual(agent.docker.calls["start"], 2)
        self.assertEqual((new.ports[0].host, self.events()), (HOST, []))

    def test_other_program(self) -> None:
        """Where another program has the port the instance does not come up, says why, and moves."""
        self.agents["a"].docker.taken_ports.add(HOST)
        self.cluster.define(definition(Container=FIXED, Placement={"Constraints": ["node == a"]}))
        self.cluster.advance(5)
        self.assertIn(f"port {HOST} of this host is taken", self.reasons()["1.web.myapp"])
        self.cluster.define(definition(Container=FIXED))
        self.cluster.advance(60)
        self.assertEqual(self.where(), {"1.web.myapp": "b"})

    def test_probed(self) -> None:
        """A program that listens on this host is found before anything is created."""
        with socket.socket() as program:
            program.bind(("", 0))
            program.listen()
            self.cluster.define(definition(Container=fixing(program.getsockname()[1])))
            self.cluster.advance(10)
            self.assertIn("another program has it", self.reasons()["1.web.myapp"])
            self.assertEqual(sum(agent.docker.calls["create"] for agent in self.agents.values()), 0)
        self.cluster.advance(120)
        self.assertEqual(list(self.where()), ["1.web.myapp"])

    def test_own_port(self) -> None:
        """A port that the agents need themselves is fixed nowhere, and the reason names the option."""
        (endpoint,) = self.agents["a"].settings.etcd.endpoints
        self.cluster.define(definition(Container=fixing(endpoint.port)))
        self.cluster.advance(10)
        self.assertIn("it is in use for --etcd", self.reasons()["1.web.myapp"])
        self.assertEqual(sum(agent.docker.calls["create"] for agent in self.agents.values()), 0)
