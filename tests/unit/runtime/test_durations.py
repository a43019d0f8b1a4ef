"""Durations in classes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.durations import BOUNDS, Durations


class DurationsTests(SynchronousTestCase):
    def test_classes(self) -> None:
        """A duration counts for the first bound that it does not exceed, and for all above; the last class is open."""
        durations = Durations()
        for seconds in (0.0, 0.001, 0.0011, 4.0, 61.0):
            durations.add(seconds)
        found = dict(durations.read().cumulative)
        self.assertEqual((found[0.001], found[0.0025], found[2.5], found[5.0], found[60.0]), (2, 3, 3, 4, 4))
        self.assertEqual(found[None], 5)
        self.assertAlmostEqual(durations.read().seconds, 65.0021)

    def test_frozen(self) -> None:
        """A distribution that was read does not change afterwards."""
        durations = Durations()
        before = durations.read()
        durations.add(1.0)
        self.assertEqual((before.seconds, set(before.counts), len(before.counts)), (0.0, {0}, len(BOUNDS) + 1))
