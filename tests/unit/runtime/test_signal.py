"""Signals between loops."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.signal import Signal


class SignalTests(SynchronousTestCase):
    """``Signal``."""

    def test_order(self) -> None:
        """All subscribers are called in the order in which they came, with what was given."""
        heard: list[tuple[str, int]] = []
        signal: Signal[[int]] = Signal()
        signal.subscribe(lambda number: heard.append(("first", number)))
        signal.subscribe(lambda number: heard.append(("second", number)))
        signal(7)
        self.assertEqual(heard, [("first", 7), ("second", 7)])

    def test_failure(self) -> None:
        """A subscriber that fails is logged, and keeps the call neither from the later ones nor from the source."""
        heard: list[int] = []
        signal: Signal[[int]] = Signal()
        signal.subscribe(lambda number: heard.append(1 // number))
        signal.subscribe(heard.append)
        signal(0)
        self.assertEqual(heard, [0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_nobody(self) -> None:
        """A signal without subscribers does nothing, and a later subscriber receives later calls only."""
        heard: list[int] = []
        signal: Signal[[]] = Signal()
        signal()
        signal.subscribe(lambda: heard.append(1))
        self.assertEqual(heard, [])
        signal()
        self.assertEqual(heard, [1])
