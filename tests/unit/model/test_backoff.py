"""Tests for daprdockr.model.backoff."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.backoff import Backoff


class BackoffTests(SynchronousTestCase):
    """``Backoff.delay``."""

    def test_doubles_until_the_limit(self) -> None:
        """Without chance the delays double, and stay at the limit once they reach it."""
        backoff = Backoff(first=1.0, limit=5.0)
        self.assertEqual([backoff.delay(n, 0.0) for n in range(1, 6)], [1.0, 2.0, 4.0, 5.0, 5.0])

    def test_no_failure_yet(self) -> None:
        """No failure waits as long as the first."""
        self.assertEqual(Backoff(first=1.0).delay(0, 0.0), 1.0)

    @given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
    def test_bounds(self, failures: int, chance: float) -> None:
        """However many failures and whatever the chance, it is positive and within the limit."""
        self.assertTrue(0 < Backoff(first=0.1, limit=30.0).delay(failures, chance) <= 30.0)

    def test_chance_shortens(self) -> None:
        """The chance takes up to a half off."""
        self.assertEqual(Backoff(first=8.0).delay(1, 0.5), 6.0)
