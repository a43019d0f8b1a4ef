"""The record of a run, and what it logged: each reads what it wrote, and what a newer agent adds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import MAX_INSTANCES
from daprdockr.model.stored.run import RunOutput, RunRecord, RunState, place_of
from tests.build.jobs import REPORT


class RunRecordTests(SynchronousTestCase):
    def test_read_back(self) -> None:
        """Each record is read as it was written."""
        whole = RunRecord(
            state=RunState.FAILED,
            due=1_763_817_600,
            node="a",
            attempt=2,
            container="c1",
            definition="d",
            started=1_763_817_600.5,
            ended=1_763_817_700.5,
            status=3,
            reason="exit status 3",
            arguments=("--all", "two words"),
            by="anna@desk",
            until=1_763_817_600,
            schedule="0 3 * * * UTC",
            job=7,
        )
        for one in (whole, RunRecord(RunState.SET), RunRecord(RunState.MISSED, 60, 180, 3)):
            self.assertEqual(RunRecord.decode(one.encode()), one)

    def test_small(self) -> None:
        """Members at their defaults are left out, because every agent keeps all records in memory."""
        self.assertEqual(RunRecord(RunState.DONE, due=60).encode(), b'{"State":"done","Due":60}')

    def test_newer(self) -> None:
        """Members of a newer agent are ignored; a state of its own is not guessed at."""
        self.assertEqual(RunRecord.decode(b'{"State": "done", "Mood": 1}'), RunRecord(RunState.DONE))
        for broken in (b"{}", b'{"State": "dreaming"}', b'{"State": "done", "Due": -1}', b"[]"):
            self.assertRaises(BadInput, RunRecord.decode, broken)

    def test_open(self) -> None:
        """A run has still to begin or to end in three states, and is under way in two."""
        opened = [state.value for state in RunState if RunRecord(state).is_open]
        self.assertEqual(opened, ["waiting", "claimed", "running"])
        self.assertEqual([s.value for s in RunState if RunRecord(s).under_way], ["claimed", "running"])

    def test_output(self) -> None:
        """So are the last lines of a run."""
        self.assertEqual(RunOutput.decode(RunOutput(("one", "two")).encode()), RunOutput(("one", "two")))

    def test_places(self) -> None:
        """Containers are named by the number of the run, as long as instances have such numbers."""
        self.assertEqual(str(place_of(REPORT, 1)), "1.report.myapp")
        self.assertEqual(place_of(REPORT, MAX_INSTANCES).number, MAX_INSTANCES)
        self.assertEqual(place_of(REPORT, MAX_INSTANCES + 1).number, 1)
