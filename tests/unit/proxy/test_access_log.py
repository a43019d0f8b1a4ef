"""The access log stays bounded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.proxy.access_log import INTERVAL, AccessLog, bound


class BoundTests(SynchronousTestCase):
    """``bound``."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.former = self.path.with_name(self.path.name + ".1")

    def test_small(self) -> None:
        """A file that is small, absent or no file is left as it is."""
        self.assertFalse(bound(self.path, 10))
        self.path.write_bytes(b"x" * 10)
        self.assertFalse(bound(self.path, 10))
        self.assertFalse(bound(Path("/dev/null"), 0))
        self.path.unlink()
        os.mkfifo(self.path)
        self.assertFalse(bound(self.path, 0))

    def test_large(self) -> None:
        """All lines of a large one are in ``.1`` afterwards, and who appends goes on at its new beginning."""
        with self.path.open("ab", buffering=0) as nginx:
            nginx.write(b"one\n" * 10)
            self.former.write_bytes(b"older")
            self.assertTrue(bound(self.path, 10))
            nginx.write(b"two\n")
        self.assertEqual((self.former.read_bytes(), self.path.read_bytes()), (b"one\n" * 10, b"two\n"))

    def test_no_copy(self) -> None:
        """One that cannot be copied is emptied, and nothing is left behind."""
        self.path.write_bytes(b"x" * 100)
        self.former.mkdir()
        self.assertRaises(OSError, bound, self.path, 10)
        self.assertEqual(self.path.read_bytes(), b"")
        self.assertEqual(list(self.path.parent.glob("*.draft")), [])


class AccessLogTests(SynchronousTestCase):
    """``AccessLog``."""

    def test_checks(self) -> None:
        """It checks the size when it starts and every few seconds, and a failure does not end it."""
        checks: list[Path] = []

        def run(call: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
            checks.append(args[0])
            if len(checks) == 1:
                raise OSError(28, "No space left on device")
            return succeed(call(*args))

        clock = Clock()
        service = AccessLog(Path(self.mktemp()), reactor=clock, run=run)
        service.startService()
        clock.advance(INTERVAL)
        self.assertEqual(len(checks), 2)
        service.stopService()
        clock.advance(INTERVAL)
        self.assertEqual(len(checks), 2)

    def test_logged_once(self) -> None:
        """A disk that stays read-only is one line, and one more when it is so again."""
        reasons = ["Read-only file system"] * 3 + [""] + ["Read-only file system"] * 2

        def run(call: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
            reason = reasons.pop(0)
            return fail(OSError(30, reason)) if reason else succeed(False)

        clock = Clock()
        service = AccessLog(Path("/log"), reactor=clock, run=run)
        with capturedLogs() as logged:
            service.startService()
            clock.pump([INTERVAL] * 5)
        self.assertEqual((reasons, [event["reason"] for event in logged]), ([], ["Read-only file system"] * 2))
