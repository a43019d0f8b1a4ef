"""The turn that sessions share: it passes once for each endpoint that failed, and tells who waits for that."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.turn import Turn


class TurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.turn = Turn(7)
        self.told: list[str] = []

    def test_passes_once(self) -> None:
        """Several calls that fail at the same endpoint pass the turn on by one."""
        self.turn.pass_on(7)
        self.turn.pass_on(7)
        self.assertEqual(self.turn.number, 8)
        self.turn.pass_on(8)
        self.assertEqual(self.turn.number, 9)

    def test_tells(self) -> None:
        """Who waits for its end is told once."""
        self.turn.when_passed(7, lambda: self.told.append("a"))
        self.assertEqual(self.told, [])
        self.turn.pass_on(7)
        self.turn.pass_on(8)
        self.assertEqual(self.told, ["a"])

    def test_passed_already(self) -> None:
        """Who comes after its end is told at once."""
        self.turn.pass_on(7)
        self.turn.when_passed(7, lambda: self.told.append("a"))
        self.assertEqual(self.told, ["a"])

    def test_forgotten(self) -> None:
        """Who does not wait any more is not told."""

        def tell() -> None:
            self.told.append("a")

        self.turn.when_passed(7, tell)
        self.turn.forget(tell)
        self.turn.forget(tell)
        self.turn.pass_on(7)
        self.assertEqual(self.told, [])
