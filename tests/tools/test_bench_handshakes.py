"""The figures of ``make bench-handshakes``: what counts as an old certificate, and the table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.handshakes_load import Handshakes, Seen, handshake
from benchmarks.handshakes_report import Costs, delays, old_ones, report
from tests.build.pairs import self_signed
from tests.build.ports import free_port

STORED = (0.0, 10.0, 20.0)


class HandshakesTests(SynchronousTestCase):
    def test_old_ones(self) -> None:
        """A certificate is old two seconds after its successor was stored; a failed handshake shows none."""
        for begin, shown, expected in (
            (1.0, 0, 0),
            (11.9, 0, 0),
            (12.1, 0, 1),
            (12.1, 1, 0),
            (22.1, 1, 1),
            (22.1, None, 0),
            (9.9, 1, 0),
        ):
            self.assertEqual(old_ones([Seen(begin, begin, shown)], STORED), expected, (begin, shown))

    def test_delays(self) -> None:
        """The first handshake that showed a renewed certificate counts; one that none showed is left out."""
        seen = [Seen(10.4, 10.6, 1), Seen(10.2, 10.3, 1), Seen(11.0, 11.1, None)]
        self.assertEqual([round(one, 2) for one in delays(seen, STORED)], [0.3])

    def test_report(self) -> None:
        """The table has failures, old certificates and the ratio of the medians."""
        seen = [Seen(0.0, 0.1, 0), Seen(10.1, 10.2, 1), Seen(13.0, 13.1, 0), Seen(14.0, 14.1, None)]
        text = report(seen, STORED[:2], Costs((2e-4, 3e-4, 9e-4), (2e-4,)), 200, 1.5)
        for line in (r"failed +1 +0", r"old certificate 2 s .* 1 +0", r"ratio +1\.50 x +1\.2 x", r"machine: 1\.5"):
            self.assertRegex(text, line)

    def test_failed(self) -> None:
        """Where nobody listens all handshakes fail, and are noted."""
        port = free_port()
        self.assertIsNone(handshake(port, "a.test").shown)
        with Handshakes(port, "a.test", 1000, [self_signed(("a.test",))]) as load:
            pass
        self.assertTrue(all(one.shown is None for one in load.seen))
