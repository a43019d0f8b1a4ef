"""Whether etcd takes what a node has to write."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.write_check import INTERVAL, POLL, WriteCheck
from daprdockr.model.errors import EtcdForbidden
from tests.build.values import KEYS, definition
from tests.fakes.agents import MemoryCluster
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore


class WriteCheckTests(SynchronousTestCase):
    """``WriteCheck``."""

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.clock = LoopClock()
        self.lines = LogLines(self)
        self.check = WriteCheck(
            reactor=self.clock,
            run=run_at_once,
            store=self.store,
            record=KEYS.node("a"),
            keys=KEYS.trials,
            refusals=lambda: self.store.refusals,
        )
        self.check.startService()
        self.addCleanup(self.check.stopService)

    def test_well(self) -> None:
        """While all is well nothing is written, and nothing is said."""
        self.clock.pump([POLL] * 5)
        self.assertEqual((self.check.trouble, self.store.revision, self.lines()), ("", 1, []))
        self.assertEqual(self.store.calls, ["trial"])
        self.clock.advance(POLL)
        self.assertEqual(self.store.calls, ["trial", "trial"])

    def test_late_polls(self) -> None:
        """A poll that comes a moment late, as all do, puts off no trial to the next but one."""
        self.clock.pump([POLL + 0.01] * 6)
        self.clock.pump([POLL - 0.005] * 6)
        self.assertEqual(self.store.calls, 3 * ["trial"])

    def test_refused(self) -> None:
        """A write that is refused has the check look soon, once."""
        self.store.forbidden = (KEYS.root + "instances/",)
        self.assertRaises(EtcdForbidden, self.store.put, KEYS.trials[1], b"")
        self.store.forbidden = ()
        self.clock.pump([POLL] * 3)
        self.assertEqual(self.store.calls, ["trial", "put", "trial"])
        self.store.forbidden = (KEYS.root + "instances/",)
        self.assertRaises(EtcdForbidden, self.store.put, KEYS.trials[1], b"")
        self.clock.advance(POLL)
        self.assertIn("cannot write /daprdockr/instances/trial: ", self.check.trouble)

    def test_silence_first(self) -> None:
        """A trial that got no answer is sent again by the next poll."""
        self.store.unavailable = True
        self.clock.advance(INTERVAL)
        self.store.unavailable, self.store.full = False, True
        self.clock.advance(POLL)
        self.assertIn("NOSPACE", self.check.trouble)

    def test_full(self) -> None:
        """A full database is reported within the interval, logged once, and so is its end, soon."""
        self.store.full = True
        self.clock.pump([POLL] * 10)
        self.assertIn("NOSPACE", self.check.trouble)
        self.assertEqual(self.check.to_publish, "")
        self.store.full = False
        self.clock.advance(POLL)
        self.assertEqual(self.check.trouble, "")
        self.assertEqual((len(self.lines("NOSPACE")), len(self.lines("can write"))), (1, 1))

    def test_rights(self) -> None:
        """Of the places that this node writes the line names those in which it may not."""
        self.store.forbidden = (KEYS.root + "instances/",)
        self.clock.advance(INTERVAL)
        self.assertIn("cannot write /daprdockr/instances/trial: ", self.check.trouble)
        self.assertEqual(self.check.to_publish, self.check.trouble)
        self.store.forbidden = (KEYS.root,)
        self.clock.advance(INTERVAL)
        self.assertIn("/daprdockr/events/trial /daprdockr/instances/trial /daprdockr/nodes/a: ", self.check.trouble)
        self.assertEqual(self.check.to_publish, "")

    def test_silence(self) -> None:
        """Of an etcd that does not answer others speak; what was found last stands."""
        self.store.full = True
        self.clock.advance(INTERVAL)
        self.store.unavailable = True
        self.clock.advance(INTERVAL)
        self.assertIn("NOSPACE", self.check.trouble)


class AgentTests(SynchronousTestCase):
    """Whole agents on an etcd that refuses."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.advance(6)

    def test_full(self) -> None:
        """``/healthz`` says that the database is full until it is not, and what runs goes on."""
        self.cluster.define(definition(instances=1))
        self.cluster.advance(6)
        before = [container.id for container in self.agent.running]
        self.assertEqual((self.agent.troubles(), len(before)), ([], 1))
        self.cluster.store.full = True
        self.cluster.advance(INTERVAL)
        self.assertIn("NOSPACE", "\n".join(self.agent.troubles()))
        self.cluster.store.full = False
        self.cluster.advance(INTERVAL)
        self.assertEqual((self.agent.troubles(), [c.id for c in self.agent.running]), ([], before))

    def test_rights(self) -> None:
        """A node that may write its record and no claims says so there, and is given nothing."""
        other = self.cluster.add("b")
        self.cluster.advance(6)
        self.cluster.store.forbidden = (KEYS.root + "instances/",)
        self.cluster.advance(INTERVAL + 6)
        record = other.cluster.nodes["a"].record
        self.assertFalse(record.ready)
        self.assertIn("cannot write /daprdockr/instances/trial", record.refused)
        self.cluster.store.forbidden = ()
        self.cluster.advance(INTERVAL + 6)
        self.assertEqual([other.cluster.nodes["a"].record.ready, self.agent.troubles()], [True, []])
