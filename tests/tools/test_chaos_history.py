"""The file between the fault suite and its checker."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.history import History, Line, read


class HistoryTests(SynchronousTestCase):
    """Lines are written by one clock, and read as they were written."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.wall = 5000.0
        self.path = Path(self.mktemp())
        self.history = History(self.path, self.clock.seconds, lambda: self.wall)
        self.addCleanup(self.history.close)

    def test_now(self) -> None:
        """A line without a moment is of now, in seconds since the history began."""
        self.clock.advance(2.5)
        self.history.note("harm", host="host1", harm="power cut")
        self.assertEqual([Line(2.5, "harm", {"host": "host1", "harm": "power cut"})], list(read(self.path)))

    def test_moment(self) -> None:
        """A line may be about a moment before; it stands where it was written."""
        self.clock.advance(2.0)
        self.history.note("end", settled=True)
        self.history.note("dns", at=1.25, name="web.chaos.container")
        self.assertEqual([2.0, 1.25], [line.at for line in read(self.path)])

    def test_wall_clock(self) -> None:
        """A moment of the wall clock is as long ago as that clock says."""
        self.clock.advance(10.0)
        self.wall += 10.0
        self.assertEqual(7.0, self.history.at_wall(5007.0))

    def test_closed(self) -> None:
        """A line that a thread writes after the end is left out."""
        self.history.note("end", settled=True)
        self.history.close()
        self.history.note("dns", name="too late")
        self.assertEqual(["end"], [line.what for line in read(self.path)])
