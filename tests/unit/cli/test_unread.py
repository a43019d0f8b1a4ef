"""A pipe whose reader is gone is noticed."""

from __future__ import annotations

import io
import os
import threading

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.unread import when_unread

LIMIT = 60


class UnreadTests(SynchronousTestCase):
    """``when_unread``."""

    def test_pipe(self) -> None:
        """It is noticed when the reader of a pipe goes, though nothing is written, and no earlier."""
        reader, writer = os.pipe()
        noticed = threading.Event()
        with open(writer, "w", encoding="utf-8") as stream:
            when_unread(stream, noticed.set)
            self.assertFalse(noticed.is_set())
            os.close(reader)
            self.assertTrue(noticed.wait(LIMIT))

    def test_no_pipe(self) -> None:
        """A stream without a descriptor is left alone."""
        when_unread(io.StringIO(), lambda: self.fail("nobody is gone"))
