"""Cores without memory: the filter of a process."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.cores import keep_memory_out_of_cores


class CoresTests(SynchronousTestCase):
    def test_filter(self) -> None:
        """No kind of memory is dumped; where the kernel has no such file nothing happens."""
        path = Path(self.mktemp())
        path.write_text("00000033\n")
        keep_memory_out_of_cores(path)
        self.assertEqual(int(path.read_text(), 16), 0)
        keep_memory_out_of_cores(path / "absent")
