"""Whether the last run of a job failed, or was missed, as the metrics have it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.picture.runs import has_failed, was_missed
from tests.build.history import defined
from tests.build.jobs import REPORT, job, record
from tests.build.values import KEYS

SET, RUNNING, DONE = (record(state, due=600) for state in (RunState.SET, RunState.RUNNING, RunState.DONE))
CLAIMED, WAITING, FAILED = (record(state, due=600) for state in (RunState.CLAIMED, RunState.WAITING, RunState.FAILED))
LOST, MISSED = (record(state, due=600) for state in (RunState.LOST, RunState.MISSED))


def known(*records: RunRecord) -> Cluster:
    """A cluster with the job and these runs, numbered from 1 on."""
    definition = defined(job(), 5)
    runs = (evolve(one, job=definition.create_revision) for one in records)
    entries = [Entry(KEYS.run(REPORT, n), one.encode(), 10 + n, 10 + n) for n, one in enumerate(runs, 1)]
    found = Cluster(KEYS)
    found.replace(Listing(1, 100, (Entry(KEYS.identity, b"a", 1, 1), definition, *entries)))
    return found


class FailedTests(SynchronousTestCase):
    def test_last_end(self) -> None:
        """The last run that ended counts, whatever begins or is missed after it."""
        for records, failed in (
            ((), False),
            ((SET,), False),
            ((SET, DONE), False),
            ((SET, DONE, FAILED), True),
            ((SET, LOST), True),
            ((FAILED, RUNNING), True),
            ((FAILED, MISSED), True),
            ((FAILED, DONE), False),
        ):
            self.assertEqual(has_failed(known(*records), REPORT), failed, records)


class MissedTests(SynchronousTestCase):
    def test_last_due(self) -> None:
        """It counts until another run has begun, who ever asked for it; none that a person asked for was due."""
        for records, missed in (
            ((), False),
            ((SET,), False),
            ((SET, MISSED), True),
            ((MISSED, CLAIMED), True),
            ((MISSED, WAITING), True),
            ((MISSED, RUNNING), False),
            ((MISSED, evolve(DONE, due=0)), False),
            ((DONE, evolve(MISSED, due=0)), False),
            ((MISSED, evolve(MISSED, due=0)), True),
        ):
            self.assertEqual(was_missed(known(*records), REPORT, 660.0), missed, records)

    def test_nobody_says_it(self) -> None:
        """A run was missed also if no node is able to write that down; one that may still begin was not."""
        self.assertEqual([was_missed(known(DONE), REPORT, now) for now in (959.0, 960.0, 961.0)], [False, False, True])

    def test_another_schedule(self) -> None:
        """Nothing was due by a schedule of which no node knows since when it is in force."""
        self.assertFalse(was_missed(known(evolve(DONE, schedule="0 3 * * * UTC")), REPORT, 1e6))
