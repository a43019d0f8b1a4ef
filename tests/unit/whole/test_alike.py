"""Whole agents and who is who: containers, leases and names that are copies of another's, or shared with others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.planning.keeping.body import container_names
from tests.build.stored import events_in
from tests.build.values import HTTP, KEYS, WEB, definition, instance
from tests.build.whole import DRAIN, ONE, TTL, TWO, WholeCase, names, starts
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.engine import MemoryEngine


class StrangerTests(WholeCase):
    """Containers that somebody else made of what ours shows."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(1)
        (self.own,) = self.agent.running
        self.before = starts(self.agent)

    def copies(self) -> list[str]:
        """Started containers: one of an image that has all labels of ours, and one that has everything of it."""
        self.agent.docker.commit(self.own.id, "copy:1")
        of_image = self.agent.docker.create("by-hand", {"Image": "copy:1"})
        copies = [of_image, self.agent.docker.duplicate(self.own.id, "by-tool")]
        for copy in copies:
            self.agent.docker.run_by_hand(copy)
        return copies

    def run_on(self, copies: list[str]) -> None:
        """The copies run as before; of all containers of the host the agent counts those alone as its own that are."""
        self.assertTrue(all(self.agent.docker.everything[copy].running for copy in copies))

    def own_starts(self, agent: MemoryAgent) -> list[tuple[str, float]]:
        return sorted((one.id, one.started) for one in agent.host.containers)

    def told(self) -> list[str]:
        """The events of containers that are left alone."""
        return sorted(text for text in self.events if "left alone" in text)

    def test_copies(self) -> None:
        """Copies run on beside the one that the claim names, which is neither stopped nor restarted."""
        copies = self.copies()
        self.cluster.advance(40)
        self.assertEqual(self.own_starts(self.agent), self.before)
        self.run_on(copies)

    def test_reported(self) -> None:
        """Each of them is reported once."""
        self.copies()
        self.cluster.advance(120)
        text = (
            "container {} has the labels of 1.web.myapp, but is not known to be an agent's: it is left alone, remove "
            "it or make it without the labels io.daprdockr.*"
        )
        self.assertEqual(self.told(), [text.format("by-hand"), text.format("by-tool")])

    def test_service_deleted(self) -> None:
        """They stay when the service goes, and the original with it."""
        copies = self.copies()
        self.cluster.delete(WEB)
        self.cluster.advance(40)
        self.assertNotIn(self.own.id, self.agent.docker.everything)
        self.run_on(copies)

    def test_new_agent(self) -> None:
        """An agent that begins adopts the one that is its own, and not the copies that were started later."""
        self.cluster.stop(self.agent)
        copies = self.copies()
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(40)
        self.assertEqual(self.own_starts(successor), self.before)
        self.run_on(copies)

    def test_ephemeral(self) -> None:
        """One that takes its containers down at its end leaves them."""
        self.cluster.stop(self.agent)
        copies = self.copies()
        chosen = evolve(self.agent.settings, ephemeral=True)
        ephemeral = MemoryAgent(chosen=chosen, store=self.cluster.store, engine=self.agent.docker)
        self.cluster.start(ephemeral)
        self.cluster.advance(5)
        self.cluster.stop(ephemeral)
        self.assertEqual(sorted(self.agent.docker.everything), sorted(copies))

    def test_renamed(self) -> None:
        """Somebody's new name for a container changes nothing, not even for the next agent."""
        self.agent.docker.rename(self.own.id, "mine")
        self.cluster.advance(40)
        self.cluster.stop(self.agent)
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(40)
        self.assertEqual((self.own_starts(successor), self.told()), (self.before, []))
        self.cluster.delete(WEB)
        self.cluster.advance(5)
        self.assertEqual(self.agent.docker.everything, {})

    def test_renamed_and_unknown(self) -> None:
        """One that no claim names and this agent never saw under its own name is left alone like a copy."""
        self.cluster.stop(self.agent)
        self.agent.docker.rename(self.own.id, "mine")
        self.agent.state.path.joinpath("cluster.json").unlink()
        self.cluster.delete(WEB)
        self.cluster.advance(TTL + 1)
        self.cluster.succeed(self.agent)
        self.cluster.advance(120)
        self.run_on([self.own.id])
        self.assertEqual(len(self.told()), 1)

    def replaced(self) -> str:
        """A container that a tool put in the place of ours: it has all of that, the name too."""
        name = self.own.name
        self.agent.docker.rename(self.own.id, "before")
        self.cluster.advance(0.1)
        new = self.agent.docker.duplicate(self.own.id, name)
        self.agent.docker.run_by_hand(new)
        self.cluster.advance(0.1)
        return new

    def test_name_taken_over(self) -> None:
        """As long as ours is there under another name, one with its name is left alone, by the next agent too."""
        new = self.replaced()
        self.cluster.advance(40)
        self.assertEqual(self.own_starts(self.agent), self.before)
        self.cluster.stop(self.agent)
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(70)
        self.assertEqual((self.own_starts(successor), len(self.told())), (self.before, 1))
        self.run_on([new])

    def test_replaced(self) -> None:
        """When ours is gone, the one with its name is adopted as it runs: no other one is made, and it goes last."""
        new = self.replaced()
        started = self.agent.docker.everything[new].started
        self.agent.docker.remove(self.own.id)
        self.cluster.advance(40)
        self.assertEqual(self.own_starts(self.agent), [(new, started)])
        self.assertEqual(self.cluster.claims[ONE].container, new)
        self.cluster.delete(WEB)
        self.cluster.advance(5)
        self.assertEqual(self.agent.docker.everything, {})


class OneEngineTests(SynchronousTestCase):
    """Several agents on one Engine."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.engine = MemoryEngine(node="a")
        self.agent = self.cluster.add("a", self.engine)

    def test_drain(self) -> None:
        """A drain between two agents of one Engine ends, though both copies stand there for a while."""
        other = self.cluster.add("b", self.engine.seen_by("b"))
        self.cluster.define(definition(Placement={"Constraints": ["node == a"]}))
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), [ONE])
        self.cluster.define(definition())
        self.cluster.store.put(KEYS.cordon("a"), asking_to_drain())
        self.cluster.advance(3 + DRAIN)
        self.assertEqual((self.engine.states, names(other)), ([], [ONE]))

    def test_two_clusters(self) -> None:
        """Agents of two clusters run the same instance side by side."""
        clusters = [MemoryCluster(self), MemoryCluster(self)]
        agents = [cluster.add(node, self.engine.seen_by(node)) for cluster, node in zip(clusters, "cd", strict=True)]
        for cluster in clusters:
            cluster.define(definition())
            cluster.advance(1)
        self.assertEqual([names(agent) for agent in agents], [[ONE], [ONE]])

    def test_two_clusters_one_name(self) -> None:
        """An agent of another cluster with this node's name adopts and stops nothing of it, and reports it."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = starts(self.agent)
        others = MemoryCluster(self)
        other = others.add("a", self.engine)
        others.define(definition())
        others.advance(2 * TTL)
        (own,) = set(starts(other)) - set(before)
        self.assertEqual([one.id for one in other.host.containers], [own[0]])
        others.delete(WEB)
        others.advance(70)
        self.cluster.advance(70)
        self.assertEqual(starts(self.agent), before)
        told = [event.text for event in events_in(others.store)]
        self.assertIn("containers of a node a in another cluster are here: give each agent its own --node", told)

    def test_ephemeral_beside_another_cluster(self) -> None:
        """One that takes its containers down at its end leaves those of the other cluster."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = starts(self.agent)
        others = MemoryCluster(self)
        other = others.add("a", self.engine, ephemeral=True)
        others.define(definition())
        others.advance(2 * TTL)
        self.assertEqual(len(starts(other)), 2)
        others.stop(other)
        self.assertEqual(starts(self.agent), before)

    def test_foreign_name(self) -> None:
        """A container of somebody else under the name of ours has it called otherwise, at once."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        (first,) = self.agent.running
        self.engine.remove(first.id)
        stranger = self.engine.create(first.name, {"Image": "web:1"})
        self.cluster.advance(0.1)
        self.assertEqual([c.name for c in self.agent.running], [f"{first.name}-2"])
        self.assertIn(stranger, self.engine.everything)

    def test_all_names_taken(self) -> None:
        """When no name is left the claim says what to do."""
        cluster = self.agent.cluster.identity
        for name in container_names(instance(1), definition(), "a", cluster):
            self.engine.create(name, {"Image": "web:1"})
        self.cluster.define(definition())
        self.cluster.advance(5)
        self.assertRegex(self.cluster.claims[ONE].reason, "has no name that is free: remove what is called like")

    def test_answer_lost(self) -> None:
        """A container that was made, though the answer was lost, is taken up, and no second one is made."""
        self.agent.docker.deaf_to_create = True
        self.cluster.define(definition())
        self.cluster.advance(0.1)
        self.agent.docker.deaf_to_create = False
        self.cluster.advance(5)
        self.assertEqual([c.running for c in self.engine.states], [True])


class CloneTests(WholeCase):
    """A host that is cloned with all it has."""

    def clone(self, node: str, **changed: Any) -> MemoryAgent:
        """An agent on another host with a copy of the state directory."""
        copy = self.cluster.make(node, **changed)
        copy.machine = "m2"
        shutil.copytree(self.agent.state.path, copy.state.path)
        return self.cluster.start(copy)

    def test_renamed(self) -> None:
        """A clone under another name keeps nobody's lease alive but its own."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        clone = self.clone("b")
        self.cluster.advance(TTL)
        self.assertNotEqual(clone.heartbeat.lease, self.agent.heartbeat.lease)
        self.cluster.crash(self.agent)
        self.cluster.advance(TTL + 2)
        self.assertEqual(names(clone), [ONE, TWO])

    def test_same_name(self) -> None:
        """A clone with the name and the machine id of the original leaves it the lease, says so, and waits."""
        lease = self.agent.heartbeat.lease
        with capturedLogs() as logged:
            clone = self.clone("a")
            self.cluster.advance(1)
            self.cluster.define(definition(instances=2))
            self.cluster.advance(3 * TTL)
        self.assertEqual((self.agent.heartbeat.lease, clone.heartbeat.lease, names(clone)), (lease, 0, []))
        self.assertEqual((names(self.agent), self.agent.troubles()), ([ONE, TWO], []))
        self.assertIn("held by another agent of this name", clone.troubles()[0])
        self.assertEqual(len([e for e in logged if "in use on another machine" in e["log_format"]]), 1)
        self.cluster.crash(self.agent)
        self.cluster.advance(2 * TTL)
        self.assertEqual((names(clone), clone.troubles()), ([ONE, TWO], []))

    def test_booted_anew(self) -> None:
        """A machine that boots within the TTL goes on with its lease; so does its next agent."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        before, lease = starts(self.agent), self.agent.heartbeat.lease
        with capturedLogs() as logged:
            for _ in range(2):
                self.cluster.crash(self.agent)
                self.agent = self.cluster.succeed(self.agent)
                self.agent.machine = "m2"
                self.cluster.advance(TTL)
        self.assertEqual((self.agent.heartbeat.lease, starts(self.agent)), (lease, before))
        self.assertEqual([e for e in logged if "in use on another machine" in e["log_format"]], [])

    def test_another_prefix(self) -> None:
        """An agent that goes over to another prefix leaves the claims below the former one to end."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        self.cluster.stop(self.agent)
        changed = evolve(self.agent.settings, prefix="/other")
        self.cluster.start(MemoryAgent(chosen=changed, store=self.cluster.store, engine=self.agent.docker))
        self.cluster.advance(TTL + 2)
        self.assertEqual(self.cluster.claims, {})


class RenamedTests(WholeCase):
    """An agent that goes on under another ``--node``, on the same Engine and in the same state directory."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        self.before = starts(self.agent)
        self.cluster.stop(self.agent)

    def renamed(self, state_dir: Path | None = None) -> MemoryAgent:
        """The agent under its new name, before etcd has forgotten the former one."""
        chosen = evolve(self.agent.settings, node="b", state_dir=state_dir or self.agent.settings.state_dir)
        engine = self.agent.docker.seen_by("b")
        return self.cluster.start(MemoryAgent(chosen=chosen, store=self.cluster.store, engine=engine))

    def test_adopted(self) -> None:
        """Containers from its former name are its own as soon as that name has no lease; nothing is restarted."""
        agent = self.renamed()
        self.cluster.advance(TTL - 2)
        self.assertEqual(list(agent.host.containers), [])
        self.cluster.advance(6)
        self.assertEqual({record.node for record in self.cluster.claims.values()}, {"b"})
        self.assertEqual([(c.id, c.started) for c in agent.docker.containers()], self.before)

    def test_once_more(self) -> None:
        """So it is for the next agent of the new name, and when a container dies it is started again at once."""
        self.cluster.stop(self.renamed())
        agent = self.renamed()
        self.cluster.advance(TTL + 2)
        container = self.before[0][0]
        agent.docker.crash(container)
        self.cluster.advance(0.5)
        self.assertTrue(agent.docker.everything[container].running)

    def test_deleted(self) -> None:
        """A service that is deleted takes them with it."""
        self.renamed()
        self.cluster.advance(TTL + 2)
        self.cluster.delete(WEB)
        self.cluster.advance(2)
        self.assertEqual(self.agent.docker.everything, {})

    def test_beside_another(self) -> None:
        """Another agent on the same Engine knows by the claims that somebody looks after them."""
        self.cluster.store.put(KEYS.cordon("c"), b"{}")
        self.cluster.add("c", self.agent.docker.seen_by("c"))
        with capturedLogs() as logged:
            agent = self.renamed()
            self.cluster.advance(100)
        self.assertEqual({record.node for record in self.cluster.claims.values()}, {"b"})
        self.assertEqual([event["sentence"] for event in logged if "sentence" in event], [])
        self.assertEqual([(c.id, c.started) for c in agent.docker.containers()], self.before)

    def test_unknown_state(self) -> None:
        """With another state directory they are nobody's: reported in one line, and left alone."""
        with capturedLogs() as logged:
            self.renamed(Path(self.mktemp()))
            self.cluster.advance(100)
        told = [event["sentence"] for event in logged if "sentence" in event]
        self.assertEqual(
            told, ["containers of node a, which has no agent, are left alone: remove them, or start its agent"]
        )
        self.assertEqual({self.agent.docker.everything[container].running for container, _ in self.before}, {True})

    def test_living_namesake(self) -> None:
        """As long as another host bears the former name, the containers are left alone."""
        self.cluster.advance(TTL + 1)
        self.cluster.add("a")
        agent = self.renamed()
        self.cluster.advance(TTL + 10)
        self.assertEqual(list(agent.host.containers), [])
        self.assertEqual({agent.docker.everything[container].running for container, _ in self.before}, {True})
