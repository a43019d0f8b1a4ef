"""The lines of the log while etcd does not answer."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.outage import BRIEF, CALM, REMINDER, STARTING, Outage
from tests.fakes.log_lines import LogLines


class OutageTests(SynchronousTestCase):
    """``Outage``."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines = LogLines(self)
        self.outage = Outage(self.clock.seconds)

    def fails(self, seconds: float) -> None:
        """Calls fail each second."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.outage.failed("no answer")

    def test_ordinary_start(self) -> None:
        """An etcd that comes up some seconds after the agent is worth no line."""
        self.fails(STARTING - 1)
        self.outage.worked()
        self.clock.advance(CALM)
        self.outage.worked()
        self.assertEqual(self.lines(), [])

    def test_never_there(self) -> None:
        """One that does not come up is named."""
        self.fails(STARTING + 2)
        self.assertEqual(self.lines(), ["trouble with etcd began: no answer"])

    def test_interrupted(self) -> None:
        """A watch that breaks and goes on at once is worth no line."""
        self.outage.worked()
        for _ in range(10):
            self.outage.failed("watch ended")
            self.outage.worked()
            self.clock.advance(CALM)
            self.outage.worked()
        self.assertEqual(self.lines(), [])

    def test_how_long(self) -> None:
        """The last line counts until etcd answered again, and not until that was certain."""
        self.outage.worked()
        self.fails(61)
        for _ in range(20):
            self.clock.advance(2)
            self.outage.worked()
        self.assertEqual(self.lines("ended"), ["trouble with etcd has ended after 62 s"])

    def test_slow(self) -> None:
        """However often it fails and answers by turns: a line at first, one each ten minutes, one at the end."""
        self.outage.worked()
        for _ in range(round(2.5 * REMINDER)):
            self.outage.failed("slow")
            self.clock.advance(1)
            self.outage.worked()
        self.clock.advance(CALM)
        self.outage.worked()
        self.outage.worked()
        found = self.lines()
        self.assertEqual(
            [line.split(":")[0] for line in found],
            [
                "trouble with etcd began",
                "trouble with etcd goes on for 10 minutes",
                "trouble with etcd goes on for 20 minutes",
                "trouble with etcd has ended after 1500 s",
            ],
        )
        self.fails(BRIEF + 2)
        self.assertEqual(len(self.lines("began")), 2)
