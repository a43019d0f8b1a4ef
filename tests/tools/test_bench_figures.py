"""Medians and ratios of a benchmark."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import Figures, Spread


class SpreadTests(SynchronousTestCase):
    """Some values in short."""

    def test_odd(self) -> None:
        """The median is the value in the middle, in whatever order they came."""
        self.assertEqual(Spread(median=2.0, low=1.0, high=9.0, count=3), Spread.of([9.0, 1.0, 2.0]))

    def test_even(self) -> None:
        """Between two middle values the median is their mean."""
        self.assertEqual(2.5, Spread.of([4.0, 1.0, 2.0, 3.0]).median)

    def test_none(self) -> None:
        """No values have no median, which is no zero."""
        self.assertRaises(ValueError, Spread.of, [])

    def test_text(self) -> None:
        """It reads as the median and both ends."""
        self.assertEqual("0.50 [0.25..1.00]", str(Spread.of([0.25, 0.5, 1.0])))


class FiguresTests(SynchronousTestCase):
    """The measured seconds, by row and column."""

    def setUp(self) -> None:
        self.figures = Figures()
        self.figures.add("10", {"ours": 3.0, "theirs": 2.0})
        self.figures.add("10", {"ours": 1.0, "theirs": 6.0})
        self.figures.add("40", {"ours": 8.0})

    def test_values(self) -> None:
        """Values keep the order of the rounds; columns do not mix."""
        self.assertEqual((3.0, 1.0), self.figures.values("ours", "10"))
        self.assertEqual((8.0,), self.figures.values("ours", "40"))
        self.assertEqual((), self.figures.values("theirs", "40"))

    def test_ratio(self) -> None:
        """A ratio is one of medians."""
        self.assertEqual(0.5, self.figures.ratio("ours", "theirs", "10"))

    def test_not_measured(self) -> None:
        """A contestant that was not measured has neither spread nor ratio."""
        self.assertIsNone(self.figures.spread("theirs", "40"))
        self.assertIsNone(self.figures.ratio("ours", "theirs", "40"))
        self.assertIsNone(self.figures.ratio("theirs", "ours", "40"))
