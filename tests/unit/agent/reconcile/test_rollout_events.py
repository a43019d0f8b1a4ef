"""The event of a rollout that this node stopped is recorded when the mirror shows the record, once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Deleted, Entry
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from tests.build.situations import WEB_1
from tests.build.values import KEYS, WEB

RECORD = RolloutRecord(RolloutState.PAUSED, to="d2", reason="exit status 3", node="a", lines=("bye",))


class RolloutEventsTests(SynchronousTestCase):
    """Node ``a`` is about to write the record of a rollout in the place of one of revision 4."""

    def setUp(self) -> None:
        self.told: list[tuple[str, str, tuple[str, ...]]] = []
        self.cluster = Cluster(KEYS)
        self.stopped = RolloutEvents(
            self.cluster, lambda subject, text, lines=(): self.told.append((subject, text, tuple(lines)))
        )
        self.cluster.note(Entry(KEYS.service(WEB), WEB_1.encode(), 2, 2, 0))
        self.stopped.stops(WEB, "a", 4)

    def see(self, record: RolloutRecord, revision: int) -> None:
        self.stopped.on_changes(self.cluster.note(Entry(KEYS.rollout(WEB), record.encode(), 3, revision, 0)))

    def test_ours(self) -> None:
        """The record is seen, later the same one again, and then one that somebody else writes."""
        self.see(RECORD, 5)
        self.assertEqual(self.told, [("web.myapp", str(RECORD), ("bye",))])
        self.stopped.on_changes(Changes(services=frozenset([WEB])))
        self.see(RECORD, 6)
        self.assertEqual(len(self.told), 1)

    def test_former(self) -> None:
        """The record from before says nothing about the present attempt."""
        self.see(RECORD, 4)
        self.assertEqual(self.told, [])
        self.see(RECORD, 5)
        self.assertEqual(len(self.told), 1)

    def test_another_node(self) -> None:
        """Nothing is recorded here if another node was first."""
        self.see(RolloutRecord(RolloutState.REVERTED, node="b"), 5)
        self.see(RECORD, 6)
        self.assertEqual(self.told, [])

    def test_deleted(self) -> None:
        """Nothing is recorded of a service that was deleted meanwhile."""
        self.stopped.on_changes(self.cluster.note(Deleted(KEYS.service(WEB), 5)))
        self.see(RECORD, 6)
        self.assertEqual(self.told, [])
