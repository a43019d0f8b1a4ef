"""The choice that sessions share: it moves on once for each endpoint that failed, and notifies those that wait."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.failover import Failover


class FailoverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.failover = Failover(7)
        self.told: list[str] = []

    def test_passes_once(self) -> None:
        """Several calls that fail at the same endpoint move the choice on by one."""
        self.failover.move_on(7)
        self.failover.move_on(7)
        self.assertEqual(self.failover.number, 8)
        self.failover.move_on(8)
        self.assertEqual(self.failover.number, 9)

    def test_tells(self) -> None:
        """A call that waits for its end is made once."""
        self.failover.when_moved(7, lambda: self.told.append("a"))
        self.assertEqual(self.told, [])
        self.failover.move_on(7)
        self.failover.move_on(8)
        self.assertEqual(self.told, ["a"])

    def test_passed_already(self) -> None:
        """A call that comes after its end is made at once."""
        self.failover.move_on(7)
        self.failover.when_moved(7, lambda: self.told.append("a"))
        self.assertEqual(self.told, ["a"])

    def test_forgotten(self) -> None:
        """A call that was forgotten is not made."""

        def tell() -> None:
            self.told.append("a")

        self.failover.when_moved(7, tell)
        self.failover.forget(tell)
        self.failover.forget(tell)
        self.failover.move_on(7)
        self.assertEqual(self.told, [])
