"""``Followed``: files and addresses that change while the agent runs."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import NotFound
from daprdockr.runtime.followed import INTERVAL, Followed
from tests.fakes.log_lines import LogLines
from tests.fakes.run import HeldRun, LoopClock, run_at_once


class FollowedTests(SynchronousTestCase):
    """``Followed``, of a file."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.write_text("one")
        self.clock = LoopClock()
        self.lines = LogLines(self)
        self.heard: list[str] = []
        self.followed = Followed(
            reactor=self.clock, run=run_at_once, what="the file", read=self.file.read_text, first="one"
        )
        self.followed.subscribe(self.heard.append)
        self.followed.startService()

    def test_change(self) -> None:
        """A new content is reported once, within the interval."""
        self.clock.advance(INTERVAL)
        self.file.write_text("two")
        self.clock.advance(INTERVAL)
        self.clock.advance(INTERVAL)
        self.assertEqual((self.heard, self.followed.value), (["two"], "two"))

    def test_unreadable(self) -> None:
        """While it cannot be read the last value stands; that is logged once, and its end."""
        self.file.unlink()
        for _ in range(3):
            self.clock.advance(INTERVAL)
        self.assertEqual((self.heard, self.followed.value), ([], "one"))
        self.assertIn("No such file", self.followed.trouble)
        self.file.write_text("two")
        self.clock.advance(INTERVAL)
        self.assertEqual((self.heard, self.followed.trouble), (["two"], ""))
        self.assertEqual(len(self.lines("cannot be read")), 1)
        self.assertEqual(len(self.lines("can be read again")), 1)

    def test_mistake(self) -> None:
        """A reading that raises something unforeseen, or a subscriber that does, does not end the following."""

        def stumble(value: str) -> None:
            if value == "two":
                raise ZeroDivisionError

        self.followed.subscribe(stumble)
        self.file.write_text("two")
        self.clock.advance(INTERVAL)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.file.write_text("three")
        self.clock.advance(INTERVAL)
        self.assertEqual(self.followed.value, "three")

    def test_stopped(self) -> None:
        """After the service has stopped nothing is read."""
        self.successResultOf(self.followed.poll())
        self.followed.stopService()
        self.file.write_text("two")
        self.clock.advance(INTERVAL)
        self.assertEqual(self.heard, [])


class SlowReadingTests(SynchronousTestCase):
    """``Followed``, where a reading takes long."""

    def test_one_at_a_time(self) -> None:
        """A reading that hangs is not followed by another, and what it finds at last is taken."""
        run, clock = HeldRun(), LoopClock()
        found = ["two"]
        followed = Followed(reactor=clock, run=run, what="it", read=lambda: found[0], first="one")
        followed.startService()
        for _ in range(5):
            clock.advance(INTERVAL)
        self.assertEqual(len(run.waiting), 1)
        run.waiting.pop().arrive()
        self.assertEqual(followed.value, "two")
        clock.advance(INTERVAL)
        self.assertEqual(len(run.waiting), 1)

    def test_after_the_end(self) -> None:
        """A reading that ends after the service has stopped is reported to nobody."""
        run, clock = HeldRun(), LoopClock()
        heard: list[str] = []
        followed = Followed(reactor=clock, run=run, what="it", read=lambda: "two", first="one")
        followed.subscribe(heard.append)
        followed.startService()
        clock.advance(INTERVAL)
        followed.stopService()
        run.waiting.pop().arrive()
        self.assertEqual(heard, [])

    def test_refusal(self) -> None:
        """An error of ours stands in ``trouble`` in its own words."""

        def read() -> str:
            raise NotFound("this host has no default route")

        clock = LoopClock()
        followed = Followed(reactor=clock, run=run_at_once, what="it", read=read, first="one")
        followed.startService()
        clock.advance(INTERVAL)
        self.assertEqual(followed.trouble, "this host has no default route")
