"""The things that a first host has still to make."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.founding import Founding, to_make


class ToMakeTests(SynchronousTestCase):
    def test_all(self) -> None:
        """A fresh host makes everything, its part in the cluster last; one that is complete makes nothing."""
        self.assertEqual(to_make(()), tuple(Founding))
        self.assertEqual(to_make(())[-1], Founding.PART)
        self.assertEqual(to_make(tuple(Founding)), ())

    def test_interrupted(self) -> None:
        """All that is there is kept, wherever it was interrupted."""
        steps = tuple(Founding)
        for done in range(len(steps)):
            self.assertEqual(to_make(steps[:done]), steps[done:])

    def test_other_key(self) -> None:
        """Certificates are made again for another key or authority; the cluster key never is."""
        for lost in (Founding.HOST_KEY, Founding.AUTHORITY):
            left = [one for one in Founding if one is not lost]
            self.assertEqual(to_make(left), (lost, Founding.CERTIFICATES))
