"""Tests of ``daprdockr.runtime.library_logs``."""

from __future__ import annotations

import logging

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.library_logs import ToTwisted, join_logs


class JoinLogsTests(SynchronousTestCase):
    """Libraries and the agent have one log."""

    def setUp(self) -> None:
        self.root = logging.getLogger()
        before = list(self.root.handlers)
        self.addCleanup(setattr, self.root, "handlers", before)
        self.root.handlers = []
        join_logs()
        self.seen = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)  # type: ignore[arg-type]  # declared for TestCase only

    def test_warning(self) -> None:
        """A library's warning appears under the library's name."""
        logging.getLogger("urllib3.pool").warning("pool of %s is full", "x")
        [event] = self.seen
        self.assertEqual(event["log_namespace"], "urllib3.pool")
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(event["text"], "pool of x is full")

    def test_debug(self) -> None:
        """A message of a library below a warning does not appear."""
        logging.getLogger("docker").setLevel(logging.DEBUG)
        self.addCleanup(logging.getLogger("docker").setLevel, logging.NOTSET)
        logging.getLogger("docker").info("hello")
        self.assertEqual(list(self.seen), [])

    def test_twice(self) -> None:
        """Joining again hands nothing on twice."""
        join_logs()
        self.assertEqual([type(handler) for handler in self.root.handlers], [ToTwisted])
