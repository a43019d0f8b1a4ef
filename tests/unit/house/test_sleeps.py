"""The waits that count as bounded."""

from __future__ import annotations

import ast
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.sleeps import unbounded_sleeps

BOUNDED = (
    """
    deadline = monotonic() + 3
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
    """,
    """
    deadline = monotonic() + 3
    while not done():
        if monotonic() > deadline:
            raise AssertionError
        sleep(0.1)
    """,
)
UNBOUNDED = (
    "sleep(1)",
    """
    deadline = 3
    sleep(deadline)
    """,
    """
    deadline = monotonic() + 3
    while not done():
        sleep(0.1)
    """,
    """
    deadline = monotonic() + 3
    while done() < deadline:
        sleep(0.1)
    """,
    """
    deadline = monotonic() + 3
    while monotonic() < deadline:
        while not done():
            sleep(0.1)
    """,
    """
    deadline = monotonic() + 3
    sleep(max(0, deadline - monotonic()))
    """,
)


class SleepTests(SynchronousTestCase):
    """``unbounded_sleeps``."""

    def test_bounded(self) -> None:
        """A loop that compares the clock with its deadline is a bounded wait."""
        for code in BOUNDED:
            self.assertEqual(list(unbounded_sleeps(ast.parse(dedent(code)))), [], code)

    def test_unbounded(self) -> None:
        """A variable called deadline makes none, and neither does a loop around the one that waits."""
        for code in UNBOUNDED:
            self.assertEqual(len(list(unbounded_sleeps(ast.parse(dedent(code))))), 1, code)
