"""Which containers belong to this agent."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.holder import Holder
from daprdockr.agent.mirror.own_containers import OwnContainers
from daprdockr.agent.statedir import StateDir
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.run import RunRecord, RunState
from tests.build.situations import container
from tests.build.values import KEYS, WEB, instance

OURS, BEFORE, THEIRS = 0xAA, 0xBB, 0xCC


class OwnContainersTests(SynchronousTestCase):
    """``OwnContainers`` of node ``a``."""

    def setUp(self) -> None:
        self.state = StateDir(Path(self.mktemp()))
        self.state.holder = Holder(node="a", cluster=BEFORE, clusters=(0xDD,))
        self.cluster = Cluster(KEYS)
        self.own = OwnContainers("a", self.cluster, self.state)

    def foreign(self, *identities: int) -> list[bool]:
        return [self.own.is_foreign(evolve(container(), cluster=identity)) for identity in identities]

    def test_clusters(self) -> None:
        """Containers made for this cluster, or for one this agent was in before, are ours; the rest are another's."""
        self.assertEqual(self.foreign(0, OURS, BEFORE, 0xDD, THEIRS), [False, True, False, False, True])
        self.cluster.note(Entry(KEYS.identity, f"{OURS:x}".encode(), 5, 5))
        self.assertEqual(self.foreign(0, OURS, BEFORE, 0xDD, THEIRS), [False, False, False, False, True])

    def test_claimed(self) -> None:
        """A container that this node's claim names is ours, whatever it was made for, and whatever its name is."""
        named = evolve(container(), cluster=THEIRS, made_as="1.web.myapp-x")
        for revision, node, foreign in ((7, "a", False), (8, "b", True)):
            record = ClaimRecord(node=node, container=named.id)
            self.cluster.note(Entry(KEYS.claim(instance(1)), record.encode(), revision, revision, lease=9))
            self.assertEqual((self.own.is_foreign(named), self.own.is_copy(named)), (foreign, foreign))

    def test_run(self) -> None:
        """So is one that the record of a run of this node names: otherwise that run would be lost, and begun again."""
        named = evolve(container(), cluster=THEIRS, made_as="1.web.myapp-x", run=4)
        for revision, node, id, foreign in ((7, "a", named.id, False), (8, "b", named.id, True), (9, "a", "x", True)):
            record = RunRecord(RunState.RUNNING, node=node, container=id)
            self.cluster.note(Entry(KEYS.run(WEB, 4), record.encode(), revision, revision))
            self.assertEqual((self.own.is_foreign(named), self.own.is_copy(named)), (foreign, foreign))
        former = evolve(named, former="b")
        self.cluster.note(
            Entry(KEYS.run(WEB, 4), RunRecord(RunState.RUNNING, node="b", container=named.id).encode(), 10, 10)
        )
        self.assertFalse(self.own.is_copy(former))

    def test_copy(self) -> None:
        """One that no claim names is a copy if it has not the name that it was made with."""
        for made_as, copied in (("", False), ("1.web.myapp-x", True)):
            state = evolve(container(), cluster=OURS, made_as=made_as)
            self.assertEqual((self.own.is_copy(state), self.own.is_foreign(state)), (copied, True))
