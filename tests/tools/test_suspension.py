"""``tests.rig.suspension``, with a process of many threads."""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.engine import until
from tests.rig.suspension import resume, suspend

BUSY = """
import sys, threading, time
for _ in range(8):
    threading.Thread(target=lambda: [time.sleep(0.0001) for _ in iter(int, 1)], daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


class SuspensionTests(SynchronousTestCase):
    def setUp(self) -> None:
        command = [sys.executable, "-c", BUSY]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.process.communicate)
        self.addCleanup(self.process.kill)
        assert self.process.stdout is not None
        self.assertEqual(self.process.stdout.readline(), "ready\n")

    def switches(self) -> int:
        """How often its threads have left a processor: this grows as long as one of them runs."""
        lines = [
            line
            for thread in Path(f"/proc/{self.process.pid}/task").glob("*")
            for line in (thread / "status").read_text().splitlines()
        ]
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

    def test_suspended(self) -> None:
        """When the call has returned no thread runs; afterwards they go on."""
        for _ in range(20):
            suspend(self.process.pid)
            before = self.switches()
            self.assertEqual(before, self.switches())
            resume(self.process.pid)
            self.runs_since(before)

    def runs_since(self, before: int) -> None:
        self.assertTrue(until(30, lambda: self.switches() > before))

    def test_gone(self) -> None:
        """A process that has ended raises ``ProcessLookupError``."""
        self.process.kill()
        self.process.communicate()
        with self.assertRaises(ProcessLookupError):
            suspend(self.process.pid)
