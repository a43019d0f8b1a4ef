"""The file that remembers a process: what is written is read, and anything else is set aside."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import Record


class PidFileTests(SynchronousTestCase):
    """``PidFile``."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "nginx" / "pid.json"
        self.pidfile = PidFile(self.path)

    def test_round_trip(self) -> None:
        """A record that was written is read, and no other file lies beside it."""
        record = Record(pid=7, started=500, boot="boot-1")
        self.pidfile.write(record)
        self.assertEqual(self.pidfile.read(), record)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["pid.json"])

    def test_removed(self) -> None:
        """After ``remove``, twice even, there is none."""
        self.pidfile.write(Record(pid=7, started=500, boot="boot-1"))
        self.pidfile.remove()
        self.pidfile.remove()
        self.assertIsNone(self.pidfile.read())

    def test_unreadable(self) -> None:
        """A file that holds anything else holds no record, and is set aside with one line."""
        good = {"pid": 7, "started": 500, "boot": "boot-1"}
        bad: list[object] = [{**good, "pid": pid} for pid in (-7, 0, "7", 7.0, True, 2**31, None)]
        bad += [{**good, "started": -1}, {**good, "started": "500"}, {**good, "boot": 1}, {"pid": 7}, [], "pid", None]
        texts = ["", "1234\n", "\x00", "[" * 100_000, '{"pid":' * 100_000, *(json.dumps(kept) for kept in bad)]
        self.path.parent.mkdir(parents=True)
        for text in texts:
            self.path.write_text(text)
            with capturedLogs() as logged:
                self.assertIsNone(self.pidfile.read(), text[:80])
            self.assertEqual(
                (len(logged), [path.name for path in self.path.parent.iterdir()]), (1, ["pid.json.unreadable"])
            )
