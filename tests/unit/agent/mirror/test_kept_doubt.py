"""The doubt in the state directory: written as it is at last, whatever the disk does in between."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.kept_doubt import RETRY, KeptDoubt
from daprdockr.agent.statedir import StateDir
from daprdockr.model.stored.doubts import Doubt
from tests.fakes.run import HeldRun, LoopClock

FIRST, SECOND = Doubt(7, "its history went back", True), Doubt(7, "it is another one", False)


class KeptDoubtTests(SynchronousTestCase):
    """A disk whose writes the test ends."""

    def setUp(self) -> None:
        self.clock, self.disk = LoopClock(), HeldRun()
        self.state = StateDir(Path(self.mktemp()))
        self.state.path.mkdir(parents=True)
        self.kept = KeptDoubt(reactor=self.clock, run=self.disk, state=self.state)

    def test_last_wins(self) -> None:
        """Of what comes during a write only the last is written, and nothing that is written already."""
        for doubt in (FIRST, SECOND, None, SECOND):
            self.kept.keep(doubt)
        self.disk.end("write_doubt")
        self.assertEqual(self.state.read_doubt(), FIRST)
        self.disk.end("write_doubt")
        self.assertEqual((self.state.read_doubt(), self.disk.waiting), (SECOND, []))

    def test_disk_fails(self) -> None:
        """A disk that takes no writes is logged in one line, and has the doubt soon after it takes them again."""
        away = self.state.path.with_name("away")
        self.state.path.rename(away)
        with capturedLogs() as logged:
            self.kept.keep(FIRST)
            for _ in range(3):
                self.disk.end("write_doubt")
                self.clock.advance(RETRY)
        self.assertEqual([event["log_level"].name for event in logged], ["warn"])
        away.rename(self.state.path)
        self.disk.end("write_doubt")
        self.assertEqual((self.state.read_doubt(), self.disk.waiting), (FIRST, []))
        self.kept.keep(None)
        self.disk.end("write_doubt")
        self.assertFalse(self.state.had_doubt)
