"""``make bench-page`` changes its cluster as it says, and reports what it measured."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.page import Followed, PageFigures, report


class FollowedTests(SynchronousTestCase):
    def test_flaps(self) -> None:
        """Each flap changes one service, which is well again after the next one; each update is counted."""
        followed = Followed.of(20)
        self.assertIsNone(followed.update())
        for words in ("1 missing", "healthy"):
            followed.flap(2 if words == "1 missing" else 3)
            update = (followed.update() or b"").decode()
            self.assertIn("service-service-1.myapp", update)
            self.assertIn(words, update)
            self.assertNotIn('service-service-2.myapp\\"', update)
        self.assertEqual(len(followed.spent), 2)
        self.assertIn(b"service-service-3.myapp", followed.whole())
        self.assertIn(b"beat", followed.beat())

    def test_report(self) -> None:
        """The medians and the share of one update, beside the goals."""
        durations = {"ScriptDuration": 20.0, "LayoutDuration": 4.0, "RecalcStyleDuration": 2.0, "TaskDuration": 40.0}
        found = report(PageFigures(2048, [100.0, 300.0, 200.0], durations, 4, [0.01]))
        for words in ("2 KiB", "paint 200 ms", "300 at most", "scripts 5.00 ms", "all 10.00", "10.0 ms"):
            self.assertIn(words, found)
