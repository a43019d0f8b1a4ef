"""Whole agents with instances that have named volumes: the node with the data dies, comes back, or is given up."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.model.stored.volume import UNREADABLE, VolumeRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.agents import MemoryAgent, MemoryCluster

KEPT: dict[str, Any] = {"Volumes": ["data:/data"]}
LEASE_OVER = 10
FIRST = "1.web.myapp"


class VolumeCase(SynchronousTestCase):
    """Nodes ``a``, ``b`` and ``c``, and one instance with a volume."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = {name: self.cluster.add(name) for name in "abc"}
        self.cluster.advance(1)
        self.cluster.define(self.db())
        self.cluster.advance(3)
        self.home = self.cluster.claims[FIRST].node
        self.other = min(set("abc") - {self.home})

    def db(self, instances: int = 1, **members: Any) -> Definition:
        return definition(instances=instances, Container=KEPT, Placement={"WaitForVolume": 60}, **members)

    def lose(self) -> MemoryAgent:
        """The host with the data dies, and its lease ends."""
        lost = self.agents[self.home]
        self.cluster.crash(lost)
        for container in lost.docker.states:
            lost.docker.crash(container.id)
        self.cluster.advance(LEASE_OVER)
        return lost

    @property
    def running(self) -> list[str]:
        return [name for name, agent in self.agents.items() if agent.running]

    @property
    def record(self) -> VolumeRecord | None:
        stored: StoredVolumes | None = self.agents[self.other].cluster.volumes(WEB).get(1)
        return None if stored is None else stored.record


class WaitTests(VolumeCase):
    def test_recorded(self) -> None:
        """The node that created the container is written down, under no lease."""
        entry = self.cluster.store.get(KEYS.volumes(instance(1)))
        assert entry is not None
        self.assertEqual((entry.lease, self.record), (0, VolumeRecord(self.home, ("data",))))

    def test_waits(self) -> None:
        """When its node dies the instance is started nowhere else; after the time that is said once."""
        self.lose()
        self.cluster.advance(40)
        self.assertEqual((self.cluster.claims, self.record), ({}, VolumeRecord(self.home, ("data",))))
        self.cluster.advance(40)
        self.assertEqual((self.cluster.claims, self.record), ({}, VolumeRecord(self.home, ("data",), overdue=True)))
        events = [e.value for e in self.cluster.store.list(KEYS.events).entries if b"still waits for" in e.value]
        self.assertEqual(len(events), 1)
        self.assertEqual(self.running, [])

    def test_comes_back(self) -> None:
        """The node comes back, without the container but with its data: the instance goes on there."""
        lost = self.lose()
        for container in lost.docker.states:
            lost.docker.remove(container.id)
        self.cluster.advance(80)
        self.agents[self.home] = self.cluster.succeed(lost)
        self.cluster.advance(5)
        self.assertEqual((self.running, self.cluster.claims[FIRST].node), ([self.home], self.home))
        self.assertEqual(self.record, VolumeRecord(self.home, ("data",)))

    def test_moved(self) -> None:
        """A person writes another node into the record: it starts there, and the old node takes nothing back."""
        lost = self.lose()
        self.cluster.store.put(KEYS.volumes(instance(1)), VolumeRecord(self.other, ("data",)).encode())
        self.cluster.advance(5)
        self.assertEqual((self.running, self.cluster.claims[FIRST].node), ([self.other], self.other))
        self.agents[self.home] = self.cluster.succeed(lost)
        self.cluster.advance(15)
        self.assertEqual((self.running, lost.docker.states), ([self.other], []))

    def test_unreadable(self) -> None:
        """
        A record that cannot be read is written again by the node that runs the instance. If that node is away, the
        instance waits; and still when it comes back, until a person says where the data is.
        """
        key = KEYS.volumes(instance(1))
        self.cluster.store.put(key, b"{")
        self.cluster.advance(3)
        self.assertEqual(self.record, VolumeRecord(self.home, ("data",)))
        lost = self.lose()
        self.cluster.store.put(key, b"{")
        self.agents[self.home] = self.cluster.succeed(lost)
        self.cluster.advance(100)
        self.assertEqual((self.running, self.cluster.claims, self.record), ([], {}, UNREADABLE))
        self.cluster.store.put(key, VolumeRecord(self.home, ("data",)).encode())
        self.cluster.advance(5)
        self.assertEqual((self.running, self.cluster.claims[FIRST].node), ([self.home], self.home))

    def test_former_definition(self) -> None:
        """A container of an older agent is recorded although the definition changed meanwhile, and its image lacks."""
        agent = self.agents[self.home]
        self.cluster.stop(agent)
        self.cluster.store.commit([], [Delete(KEYS.volumes(instance(1)))])
        self.cluster.define(self.db(image="absent:1"))
        self.agents[self.home] = self.cluster.succeed(agent)
        self.cluster.advance(5)
        self.assertEqual((self.running, self.record), ([self.home], VolumeRecord(self.home, ("data",))))

    def renamed(self) -> MemoryAgent:
        """The agent with the data goes on as ``z``."""
        lost = self.agents[self.home]
        self.cluster.stop(lost)
        chosen = evolve(lost.settings, node="z")
        return self.cluster.start(MemoryAgent(chosen=chosen, store=self.cluster.store, engine=lost.docker.seen_by("z")))

    def test_renamed(self) -> None:
        """A renamed node has its instances on, and writes its new name down; nothing is restarted."""
        before = [(c.id, c.started) for c in self.agents[self.home].docker.states]
        agent = self.renamed()
        self.cluster.advance(LEASE_OVER + 6)
        self.assertEqual((self.cluster.claims[FIRST].node, self.record), ("z", VolumeRecord("z", ("data",))))
        self.assertEqual([(c.id, c.started) for c in agent.docker.states], before)

    def test_name_of_another(self) -> None:
        """A former name that another node has by now does not count."""
        agent = self.renamed()
        self.cluster.advance(1)
        self.agents[self.home] = self.cluster.add(self.home)
        self.assertEqual(agent.here().former, ())

    def test_others_move(self) -> None:
        """An instance without data beside it moves as before, and a new one goes to another node than the lost one."""
        self.cluster.define(self.db(2))
        self.cluster.advance(3)
        second = self.cluster.claims["2.web.myapp"].node
        self.assertNotEqual(second, self.home)
        self.lose()
        self.assertEqual(list(self.cluster.claims), ["2.web.myapp"])


class EndTests(VolumeCase):
    def test_named_again(self) -> None:
        """A service without the volume went elsewhere; with the volume again it goes back to the data."""
        self.cluster.define(definition())
        self.cluster.advance(25)
        self.cluster.store.put(KEYS.cordon(self.home), asking_to_drain())
        self.cluster.advance(40)
        self.assertNotEqual(self.running, [self.home])
        self.cluster.store.commit([], [Delete(KEYS.cordon(self.home))])
        self.cluster.define(self.db())
        self.cluster.advance(40)
        claim = self.cluster.claims[FIRST]
        self.assertEqual((self.running, claim.node, claim.healthy), ([self.home], self.home, True))
        self.assertEqual(claim.definition, self.db().digest)

    def test_scaled_down(self) -> None:
        """An instance that was scaled down comes back to its data."""
        self.cluster.define(self.db(0))
        self.cluster.advance(15)
        self.assertEqual((self.running, self.record), ([], VolumeRecord(self.home, ("data",))))
        self.cluster.store.put(KEYS.cordon(self.other), b"")
        self.cluster.define(self.db(1))
        self.cluster.advance(3)
        self.assertEqual(self.cluster.claims[FIRST].node, self.home)

    def test_deleted(self) -> None:
        """With the service the record goes, also when the node with the data is away."""
        self.lose()
        self.cluster.delete(WEB)
        self.cluster.advance(5)
        self.assertIsNone(self.cluster.store.get(KEYS.volumes(instance(1))))

    def test_rollout_while_away(self) -> None:
        """While one of two instances waits for its dead node the other one is not stopped for a changed definition."""
        self.cluster.define(self.db(2))
        self.cluster.advance(3)
        lost = self.lose()
        (left,) = self.running
        before = [container.id for container in self.agents[left].running]
        for agent in self.agents.values():
            agent.docker.add_image("web:2")
        self.cluster.define(self.db(2, image="web:2"))
        self.cluster.advance(40)
        self.assertEqual([container.id for container in self.agents[left].running], before)
        self.agents[self.home] = self.cluster.succeed(lost)
        self.cluster.advance(60)
        changed = {claim.definition for claim in self.cluster.claims.values() if claim.healthy}
        self.assertEqual((len(self.cluster.claims), changed), (2, {self.db(2, image="web:2").digest}))

    def test_drained(self) -> None:
        """A drained node keeps the instance, which goes on; killed, it is started again."""
        self.cluster.store.put(KEYS.cordon(self.home), asking_to_drain())
        self.cluster.advance(20)
        self.assertEqual((self.running, self.cluster.claims[FIRST].node), ([self.home], self.home))
        self.cluster.store.commit([], [Delete(KEYS.cordon(self.home))])

    def test_rollout(self) -> None:
        """A changed definition is rolled out on the same node, the old container stopped before the new one starts."""
        for agent in self.agents.values():
            agent.docker.add_image("web:2")
        self.cluster.define(self.db(image="web:2"))
        self.cluster.advance(25)
        claim = self.cluster.claims[FIRST]
        self.assertEqual((claim.node, claim.healthy), (self.home, True))
        self.assertEqual(claim.definition, self.db(image="web:2").digest)
        self.assertEqual(self.running, [self.home])
