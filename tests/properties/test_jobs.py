"""Jobs under faults: each due time is settled once. More of it by ``python -m tests.properties.jobs``."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.run import RunRecord, RunState
from tests.properties.jobs import Evidence, Faults, JobsUnderFaults

SERVICE = ServiceName("jobs", "j0")


class JobsTests(SynchronousTestCase):
    def test_under_faults(self) -> None:
        """Ten jobs are due each minute for five minutes in which ten nodes are killed, etcd goes, and a clock jumps."""
        made = JobsUnderFaults(self, 10, 5, Faults(10), random.Random(3))
        self.assertEqual(made.run(), [])
        self.assertEqual(made.evidence.killed, 10)
        self.assertGreater(sum(len(containers) for containers in made.evidence.begun.values()), 30)


class CheckerTests(SynchronousTestCase):
    """The checker finds what it is there for."""

    def breaches(self, *records: RunRecord, begun: tuple[int, ...] = ()) -> list[str]:
        evidence = Evidence()
        evidence.records[SERVICE, 1] = RunRecord(RunState.SET, until=0)
        for number, one in enumerate(records, 2):
            evidence.records[SERVICE, number] = one
        for number in begun:
            evidence.begun[SERVICE, number].append(f"c{len(evidence.begun[SERVICE, number])}")
        return list(evidence.breaches([SERVICE], 60 + 45 + 61))

    def test_found(self) -> None:
        """A due time that was forgotten, settled twice, or begun twice is a breach; a missed one is none."""
        done, missed = RunRecord(RunState.DONE, due=60), RunRecord(RunState.MISSED, due=60, last=60, count=1)
        self.assertEqual(self.breaches(done, begun=(2,)), [])
        self.assertEqual(self.breaches(missed), [])
        self.assertEqual(len(self.breaches(done, begun=(2, 2))), 1)
        self.assertEqual(len(self.breaches()), 2)
        self.assertEqual(len(self.breaches(done)), 1)
        self.assertEqual(len(self.breaches(done, missed, begun=(2,))), 1)
        self.assertEqual(len(self.breaches(missed, begun=(2,))), 1)
