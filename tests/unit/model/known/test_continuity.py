"""
Tests of ``daprdockr.model.known.continuity``: histories that part, and lists that are judged by who knows one of them.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EtcdHistoryLost
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.continuity import contradiction, refutation, unexplained
from daprdockr.model.known.history import BrokenHistory
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Batch, Delete, Deleted, Entry, Listing, Operation, Put
from daprdockr.model.stored.marks import encode_marks, with_another
from tests.build.history import listing
from tests.build.situations import starting_record
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.store import MemoryStore

SERVICE = Entry(KEYS.service(WEB), definition().encode(), 3, 5)
CLAIM = Entry(KEYS.claim(instance(1)), starting_record().encode(), 4, 6, 77)
KNOWN = {entry.key: entry for entry in (SERVICE, CLAIM)}


class ContradictionTests(SynchronousTestCase):
    """``contradiction``, by one who knows everything up to revision 9."""

    def found(self, revision: int, *entries: Entry) -> str:
        return contradiction(KNOWN, 9, listing(revision, *entries), KEYS)

    def test_same(self) -> None:
        """An entry that is unchanged, changed since, or missing contradicts nothing."""
        newer = evolve(SERVICE, mod_revision=12)
        for entries in ((SERVICE, CLAIM), (newer,), ()):
            self.assertEqual(self.found(12, *entries), "")

    def test_back(self) -> None:
        """A smaller revision does, and an older key, and another value or lease of the same revision."""
        self.assertIn("went back from revision 9 to 8", self.found(8, SERVICE, CLAIM))
        self.assertIn("was written later", self.found(12, evolve(SERVICE, mod_revision=4)))
        self.assertIn("another", self.found(12, evolve(SERVICE, value=b"")))
        self.assertIn("another", self.found(12, evolve(CLAIM, lease=78)))

    def test_deleted_and_back(self) -> None:
        """A definition of before, which was not there, does; one that was set since, and any other key, does not."""
        other = KEYS.service(ServiceName("myapp", "api"))
        self.assertIn("was deleted later", self.found(12, Entry(other, b"", 2, 2)))
        self.assertEqual(self.found(12, Entry(other, b"", 10, 10), Entry(KEYS.cordon("a"), b"", 2, 2)), "")

    def test_too_large(self) -> None:
        """A value that nobody keeps is not compared."""
        self.assertEqual(self.found(12, evolve(SERVICE, value=b"", omitted="too large")), "")


class MissedTests(SynchronousTestCase):
    """``unexplained`` and ``refutation``."""

    def test_unexplained(self) -> None:
        """An entry that changed or went is unexplained unless a mark attests it."""
        now = listing(12, evolve(CLAIM, mod_revision=11))
        self.assertEqual(unexplained(KNOWN, 9, 0, now, KEYS), (SERVICE, CLAIM))
        self.assertEqual(unexplained(KNOWN, 9, 5, now, KEYS), (CLAIM,))
        self.assertEqual(unexplained(KNOWN, 9, 6, now, KEYS), ())
        self.assertEqual(unexplained(KNOWN, 9, 0, listing(12, SERVICE, CLAIM), KEYS), ())

    def test_looked_up(self) -> None:
        """It is refuted unless it stood there then."""
        now = listing(12)
        self.assertEqual(refutation((SERVICE, CLAIM), listing(9, SERVICE, CLAIM), now, KEYS), "")
        for past in ((CLAIM,), (evolve(SERVICE, value=b""), CLAIM), (evolve(SERVICE, mod_revision=4), CLAIM)):
            self.assertIn(SERVICE.key, refutation((SERVICE, CLAIM), listing(9, *past), now, KEYS))

    def test_compacted(self) -> None:
        """When nobody knows, the end of a definition is not believed, and everything else is."""
        self.assertIn(SERVICE.key, refutation((SERVICE, CLAIM), None, listing(12), KEYS))
        self.assertEqual(refutation((CLAIM,), None, listing(12), KEYS), "")
        self.assertEqual(refutation((SERVICE,), None, listing(12, evolve(SERVICE, mod_revision=11)), KEYS), "")


NAMES = [ServiceName("myapp", name) for name in ("web", "api", "db")]
WRITES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), st.integers(0, 2)), st.sampled_from(["mark", "elsewhere", "compact", "list"])
    ),
    max_size=12,
)


class LostReportTests(SynchronousTestCase):
    """The report of a new definition is lost, and the reports after it come: Note [A lost report] in ``history``."""

    def setUp(self) -> None:
        self.store, self.agent = MemoryStore(), Cluster(KEYS)
        self.store.put(KEYS.identity, b"7")
        self.agent.replace(self.store.list(KEYS.mirrored))

    def write(self, key: str, value: bytes | None, is_lost: bool = False) -> None:
        """Write or delete a key; the agent learns of it, or only of the revision."""
        self.store.commit([], [Delete(key) if value is None else Put(key, value)])
        entry, revision = self.store.get(key), self.store.revision
        change = Deleted(key, revision) if entry is None else entry
        self.agent.apply(Batch(self.agent.cluster_id, revision, () if is_lost else (change,)))

    def mark(self) -> None:
        self.write(KEYS.marks, encode_marks(with_another(self.agent.history.marks, self.agent.revision, 1)))

    def lose(self) -> None:
        self.write(KEYS.service(WEB), definition().encode(), is_lost=True)

    def judged(self) -> str:
        try:
            return "".join(one.key for one in self.agent.judge(self.store.list(KEYS.mirrored)))
        except BrokenHistory as error:
            return str(error)

    def test_taken_over(self) -> None:
        """With a mark, older than the definition or younger, the next list is believed, and has the definition."""
        for steps in ((self.mark, self.lose), (self.lose, self.mark)):
            self.setUp()
            for step in steps:
                step()
            self.assertNotIn(WEB, self.agent.services)
            self.assertEqual(self.judged(), "")
            self.agent.replace(self.store.list(KEYS.mirrored))
            self.assertIn(WEB, self.agent.services)

    def test_no_mark(self) -> None:
        """An agent that has seen no mark since its start does not believe the list: a restored etcd looks the same."""
        self.lose()
        self.assertIn("was deleted later", self.judged())
        self.mark()
        fresh = Cluster(KEYS)
        fresh.replace(Listing(self.agent.cluster_id, self.agent.revision, tuple(self.agent.entries)))
        self.agent = fresh
        self.assertIn("was deleted later", self.judged())

    def test_without_the_mark(self) -> None:
        """A history that lacks the newest mark is not believed to hold what was deleted before that."""
        self.write(KEYS.service(WEB), definition().encode())
        snapshot = self.store.snapshot()
        self.write(KEYS.service(WEB), None)
        self.mark()
        self.store.restore(snapshot, 9)
        self.assertIn("was deleted later", self.judged())

    def test_deleted_since(self) -> None:
        """One that was deleted after the newest mark is not believed to be back, though its creation was lost too."""
        self.mark()
        self.lose()
        snapshot = self.store.snapshot()
        self.write(KEYS.service(WEB), None)
        self.store.restore(snapshot, 9)
        self.assertIn("was deleted later", self.judged())


class HistoryTests(SynchronousTestCase):
    """Any history, a snapshot anywhere in it, and any history that goes on from there."""

    def play(self, store: MemoryStore, writes: Any, agent: Cluster | None) -> None:
        """Write so to a store; an agent that is given sees it, and may leave marks."""
        for write in writes:
            if write == "elsewhere":
                store.put("/elsewhere", b"")
            elif write == "mark" and (chain := agent or self.follower(store)):
                marks = with_another(chain.history.marks, chain.revision, self.drawn())
                store.put(KEYS.marks, encode_marks(marks))
            elif write == "compact":
                store.compact(store.revision)
            elif isinstance(write, tuple):
                store.commit([], [self.operation(*write)])
            if agent is not None:
                agent.replace(store.list(KEYS.mirrored))

    def follower(self, store: MemoryStore) -> Cluster:
        found = Cluster(KEYS)
        found.replace(store.list(KEYS.mirrored))
        return found

    def drawn(self) -> int:
        self.count = getattr(self, "count", 0) + 1
        return self.count

    def operation(self, name: ServiceName, instances: int) -> Operation:
        of = definition(instances=instances, Name=name.service)
        return Put(KEYS.service(name), of.encode()) if instances else Delete(KEYS.service(name))

    def judged(self, agent: Cluster, store: MemoryStore) -> str:
        """Why the agent does not believe what the store holds now; "" if it does."""
        now = store.list(KEYS.mirrored)
        try:
            missed = agent.judge(now)
        except BrokenHistory as error:
            return str(error)
        try:
            past = store.list(KEYS.mirrored, agent.revision)
        except EtcdHistoryLost:
            past = None
        return refutation(missed, past, now, KEYS)

    @given(WRITES, WRITES, WRITES, st.integers(0, 30))
    def test_nothing_lost(self, first: Any, lost: Any, others: Any, bump: int) -> None:
        """A definition that the agent knows, and that this history never held, is never believed to be deleted."""
        store, agent = MemoryStore(), Cluster(KEYS)
        store.put(KEYS.identity, b"7")
        self.play(store, first, agent)
        snapshot = store.snapshot()
        self.play(store, lost, agent)
        known = set(agent.services)
        store.restore(snapshot, bump)
        held = set(self.follower(store).services)
        self.play(store, others, None)
        held.update(name for name, instances in (w for w in others if isinstance(w, tuple)) if instances)
        now = set(self.follower(store).services)
        if known - now - held:
            self.assertNotEqual(self.judged(agent, store), "")

    @given(WRITES, WRITES, WRITES, st.integers(0, 30))
    def test_nothing_comes_back(self, first: Any, lost: Any, others: Any, bump: int) -> None:
        """A definition that the agent saw deleted, and that a restored history holds from before, is never believed."""
        store, agent = MemoryStore(), Cluster(KEYS)
        store.put(KEYS.identity, b"7")
        self.play(store, [*first, "mark"], agent)
        snapshot = store.snapshot()
        self.play(store, lost, agent)
        store.restore(snapshot, bump)
        self.play(store, others, None)
        known, now = set(agent.services), store.list(KEYS.services).entries
        back = [one for one in now if one.mod_revision <= agent.revision and KEYS.read(one.key) not in known]
        if back:
            self.assertNotEqual(self.judged(agent, store), "")

    @given(WRITES, WRITES)
    def test_no_false_doubt(self, first: Any, others: Any) -> None:
        """A history that only went on is believed; but for definitions younger than all marks that were compacted."""
        store, agent = MemoryStore(), Cluster(KEYS)
        store.put(KEYS.identity, b"7")
        self.play(store, [*first, "mark"], agent)
        self.play(store, others, None)
        self.assertEqual(self.judged(agent, store), "")
