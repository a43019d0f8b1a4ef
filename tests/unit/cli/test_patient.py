"""The command line's store: asks again while there is no leader, and not where there is no etcd."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.patient import PAUSE, TIMEOUT, PatientStore
from daprdockr.cli.slow_calls import SlowCalls
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Absent, Commit, Condition, Entry, Operation, Put
from tests.fakes.store import MemoryStore


class ElectingStore(MemoryStore):
    """Answers nothing for ``silent`` calls; ``sent`` says whether the requests reach a member."""

    silent = 0
    sent = True

    def get(self, key: str) -> Entry | None:
        self._fail()
        return super().get(key)

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        self._fail()
        return super().put(key, value, lease)

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        self._fail()
        return super().commit(conditions, operations)

    def _fail(self) -> None:
        self.silent -= 1
        if self.silent >= 0:
            raise EtcdUnavailable("no leader", sent=self.sent)


class PatienceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pauses = 0
        self.etcd = ElectingStore()
        self.store = PatientStore(self.etcd, lambda: self.pauses * PAUSE, self.pause, SlowCalls(self.fail, ""))

    def pause(self, seconds: float) -> None:
        self.assertEqual(seconds, PAUSE)
        self.pauses += 1

    def test_election(self) -> None:
        """A request that may be repeated is repeated until there is an answer."""
        self.etcd.silent = 3
        self.store.put("/a", b"1")
        self.etcd.silent = 3
        entry = self.store.get("/a")
        assert entry is not None
        self.etcd.silent = 3
        self.store.commit([], [Put("/b", b"2")])
        self.assertEqual((entry.value, self.pauses), (b"1", 9))

    def test_a_commit_with_conditions(self) -> None:
        """It is asked once: the condition may not hold any more because it held."""
        self.etcd.silent = 1
        with self.assertRaises(EtcdUnavailable):
            self.store.commit([Absent("/a")], [Put("/a", b"1")])
        self.assertEqual(self.pauses, 0)

    def test_no_etcd(self) -> None:
        """Where no member can be connected to, nobody waits."""
        self.etcd.silent, self.etcd.sent = 99, False
        with self.assertRaises(EtcdUnavailable):
            self.store.get("/a")
        self.assertEqual(self.pauses, 0)

    def test_too_long(self) -> None:
        """It ends, with the last reason, when a person would have given up."""
        self.etcd.silent = 9999
        with self.assertRaisesRegex(EtcdUnavailable, "no leader"):
            self.store.get("/a")
        self.assertEqual(self.pauses, round(TIMEOUT / PAUSE))
