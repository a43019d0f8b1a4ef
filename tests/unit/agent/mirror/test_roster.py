"""The roster: the candidates of the mirror, kept change by change, and at no greater price."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.roster import Roster
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.candidates import candidates
from daprdockr.planning.placing.wave import offers
from tests.build.values import API, KEYS, WEB, definition
from tests.fakes.store import MemoryStore

FIRST, SECOND = InstanceName(WEB, 1), InstanceName(WEB, 2)
VALUES: dict[str, list[bytes]] = {
    KEYS.service(WEB): [definition(Container={"Memory": size}).encode() for size in (100, 200)] + [b"{"],
    KEYS.claim(FIRST): [ClaimRecord(node).encode() for node in "abc"]
    + [ClaimRecord("a", State.BACKING_OFF).encode(), ClaimRecord("a", State.RUNNING, healthy=True).encode()],
    KEYS.service(API): [definition(Name="api", instances=3).encode()],
    KEYS.claim(SECOND): [ClaimRecord(node).encode() for node in "ab"] + [b"\xff"],
    KEYS.successor(FIRST): [ClaimRecord("b").encode()],
    KEYS.node("a"): [NodeRecord(memory=1000).encode(), NodeRecord(memory=1000, ready=False).encode(), b"[]"],
    KEYS.node("b"): [NodeRecord(memory=size).encode() for size in (1000, 2000)],
    KEYS.cordon("a"): [b"", b"{unreadable"],
    KEYS.cordon("never-there"): [b""],
}
WRITES = st.sampled_from([Delete(key) for key in VALUES] + [Put(key, v) for key in VALUES for v in VALUES[key]])


class RosterTests(SynchronousTestCase):
    """``Roster`` beside a mirror of an etcd in memory."""

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.lease = self.store.grant(600).id
        self.cluster = Cluster(KEYS)
        self.roster = Roster(self.cluster)

    def write(self, *operations: Put | Delete) -> None:
        """Write to etcd, and have the mirror list it."""
        for operation in operations:
            if isinstance(operation, Put):
                operation = evolve(operation, lease=self.lease)
            self.store.commit([], [operation])
        self.cluster.replace(self.store.list(KEYS.root))

    def test_cordon_that_can_not_be_read(self) -> None:
        """It counts as a cordon: somebody wished one, and ``nodes`` shows it."""
        self.write(Put(KEYS.node("b"), NodeRecord().encode()))
        self.assertEqual([candidate.name for candidate in self.roster()], ["b"])
        self.write(Put(KEYS.cordon("b"), b"{unreadable"))
        self.assertEqual((self.roster(), self.cluster.cordoned), ((), {"b"}))

    @given(st.lists(st.tuples(WRITES, st.booleans()), max_size=30))
    def test_as_if_worked_out_anew(self, writes: list[tuple[Put | Delete, bool]]) -> None:
        """After any changes, and any earlier questions, it has what computing it anew from all nodes would give."""
        self.setUp()
        for write, ask in writes:
            self.write(write)
            if ask:
                self.assert_all_is_seen()
        self.assert_all_is_seen()

    def assert_all_is_seen(self) -> None:
        known = candidates(self.cluster)
        self.assertEqual(self.roster(), known)
        self.assertEqual(self.roster.offered(WEB), offers(self.cluster, known).get(WEB, known))

    def test_only_what_changed(self) -> None:
        """A claim makes the candidate of its node anew and no other; a definition those of the nodes that have it."""
        self.write(*(Put(KEYS.node(node), NodeRecord(memory=1000).encode()) for node in "abc"))
        before = self.roster()
        self.write(Put(KEYS.claim(FIRST), ClaimRecord("b").encode()))
        claimed = self.roster()
        self.assertEqual([old is new for old, new in zip(before, claimed, strict=True)], [True, False, True])
        self.write(Put(KEYS.service(WEB), definition(Container={"Memory": 100}).encode()))
        self.assertEqual([old is new for old, new in zip(claimed, self.roster(), strict=True)], [True, False, True])
        self.assertEqual([candidate.memory for candidate in self.roster()], [1000, 900, 1000])

    def test_what_is_told(self) -> None:
        """That an instance starts, or is well, changes nothing; that it fails does."""
        self.write(Put(KEYS.node("a"), NodeRecord().encode()), Put(KEYS.claim(FIRST), ClaimRecord("a").encode()))
        before, layout = self.roster(), self.cluster.layout.version
        self.write(Put(KEYS.claim(FIRST), ClaimRecord("a", State.RUNNING, healthy=True).encode()))
        self.assertEqual((self.roster() is before, self.cluster.layout.version), (True, layout))
        self.write(Put(KEYS.claim(FIRST), ClaimRecord("a", State.BACKING_OFF).encode()))
        self.assertGreater(self.cluster.layout.version, layout)

    def test_forgets(self) -> None:
        """Nothing is kept of a node that is gone, and has nothing."""
        self.write(Put(KEYS.node("a"), NodeRecord().encode()), Put(KEYS.claim(FIRST), ClaimRecord("a").encode()))
        self.write(Delete(KEYS.node("a")))
        self.assertEqual((self.roster(), set(self.cluster.layout.changed)), ((), {"a"}))
        self.write(Delete(KEYS.claim(FIRST)))
        self.assertEqual((self.roster(), self.cluster.layout.changed), ((), {}))
