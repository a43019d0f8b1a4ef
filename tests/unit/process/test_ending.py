"""The end of a recorded process, real ones of our own: asked first, killed when it does not end, never a stranger."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.ending import end_recorded
from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable


class EndRecordedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "process.json"

    def started(self, script: str, elapsed: int = 0) -> subprocess.Popen[bytes]:
        """A process that leads a session, recorded so many ticks later than it was started."""
        process = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        process.stdout.readline()
        record = ProcessTable().identify(process.pid)
        assert record is not None
        PidFile(self.path).write(evolve(record, started=record.started + elapsed))
        return process

    def test_asked(self) -> None:
        """It is asked to end, and does."""
        process = self.started("echo; exec sleep 1000")
        self.assertTrue(end_recorded(self.path, 60))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_killed(self) -> None:
        """One that does not end is killed."""
        process = self.started("trap '' TERM; echo; exec sleep 1000")
        self.assertTrue(end_recorded(self.path, 0.05))
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def test_none(self) -> None:
        """Without a record, and where the process has ended, there is nothing to end."""
        self.assertFalse(end_recorded(self.path, 1))
        process = self.started("echo; exec sleep 1000")
        process.kill()
        process.wait()
        self.assertFalse(end_recorded(self.path, 1))

    def test_stranger(self) -> None:
        """A process that got the pid later lives on."""
        process = self.started("echo; exec sleep 1000", elapsed=1)
        self.assertFalse(end_recorded(self.path, 1))
        self.assertIsNone(process.poll())

    def test_gone_meanwhile(self) -> None:
        """One that ends and is waited for in between has ended."""
        process = self.started("echo; exec sleep 1000")

        class Late(ProcessTable):
            def identify(self, pid: int) -> object:  # type: ignore[override]
                record = super().identify(pid)
                process.kill()
                process.wait()
                return record

        self.assertTrue(end_recorded(self.path, 1, table=Late()))
