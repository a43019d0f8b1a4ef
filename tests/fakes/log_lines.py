"""The log while a test runs, as the lines that a person would read."""

from __future__ import annotations

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase


class LogLines:
    """From now to the end of the test."""

    def __init__(self, test: SynchronousTestCase) -> None:
        self._seen = EventLoggingObserver()
        globalLogPublisher.addObserver(self._seen)
        test.addCleanup(globalLogPublisher.removeObserver, self._seen)

    @property
    def events(self) -> list[LogEvent]:
        return list(self._seen)

    def __call__(self, part: str = "") -> list[str]:
        """The lines that contain ``part``."""
        return [line for line in map(formatEvent, self.events) if part in line]
