"""The wall clock as jobs believe it: slow corrections at once, a jump only when it lasts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.wall import BELIEVED, BelievedWall


class WallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now, self.off = 50.0, 1_000_000.0
        self.wall = BelievedWall(lambda: self.now + self.off, lambda: self.now)
        self.wall()

    def after(self, seconds: float, shift: float = 0.0) -> float:
        """How far the clock is believed to be off after some time, in which it was set."""
        self.now += seconds
        self.off += shift
        return self.wall() - self.now - 1_000_000.0

    def test_slow(self) -> None:
        """A correction by little is followed, however far it goes in the end."""
        self.assertEqual([self.after(15, 1.5) for _ in range(4)], [1.5, 3.0, 4.5, 6.0])

    def test_booted(self) -> None:
        """The machine was started at the same time, however long it runs, as far as the clock is believed."""
        self.assertEqual(self.wall.booted, 1_000_000.0)
        self.after(100, 3600.0)
        self.assertEqual(self.wall.booted, 1_000_000.0)
        self.after(BELIEVED)
        self.assertEqual(self.wall.booted, 1_003_600.0)

    def test_jump_undone(self) -> None:
        """A jump that is undone is never believed; nor is another one counted from the first."""
        for jump in (3600.0, -3600.0):
            self.assertEqual(self.after(1, jump), 0.0)
            self.assertEqual(self.after(BELIEVED - 1), 0.0)
            self.assertEqual(self.after(0, jump), 0.0)
            self.assertEqual(self.after(BELIEVED - 1), 0.0)
            self.assertEqual(self.after(1, -2 * jump), 0.0)

    def test_jump_that_lasts(self) -> None:
        """One that lasts is believed, with the slow corrections meanwhile."""
        self.after(1, 3600.0)
        self.assertEqual(self.after(BELIEVED / 2, 1.0), 0.0)
        self.assertEqual(self.after(BELIEVED / 2, 1.0), 3602.0)
