"""The marks by which agents distinguish one history of etcd from another, and how they are written."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.build.values import KEYS, definition
from tests.build.whole import MARKED
from tests.fakes.agents import MemoryCluster


class MarkTests(SynchronousTestCase):
    """The few marks that agents write."""

    def test_few(self) -> None:
        """Several agents write one mark for a change of definitions, and none while nothing changes."""
        cluster = MemoryCluster(self)
        agents = [cluster.add(node) for node in "abc"]
        cluster.define(definition(instances=3))
        cluster.advance(MARKED)
        numbers = {agent.cluster.history.marks[-1].number for agent in agents}
        self.assertEqual(len(numbers), 1)
        cluster.advance(400)
        before = cluster.store.revision
        cluster.advance(400)
        self.assertEqual(cluster.store.revision, before)
        entry = cluster.store.get(KEYS.marks)
        assert entry is not None
        self.assertEqual(entry.value.count(b"["), 1 + max(numbers))

    def test_full(self) -> None:
        """Where etcd is full it is not a right that is said to lack."""
        cluster = MemoryCluster(self)
        cluster.add("a")
        cluster.define(definition())
        with capturedLogs() as logged:
            cluster.store.full = True
            cluster.advance(MARKED)
        reason = "etcd refuses all writes, for its database is as large as its quota (alarm NOSPACE)"
        self.assertIn(f"no mark of etcd's history can be written: {reason}", map(formatEvent, logged))
