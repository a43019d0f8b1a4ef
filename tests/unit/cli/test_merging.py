"""Lines of several streams in the order of their times."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.merging import HOLD, MOST, OPENING, WINDOW, LogLine, LogSource, Merging


class MergingTests(SynchronousTestCase):
    """Streams that this thread feeds itself; ``now`` is the time."""

    def setUp(self) -> None:
        self.now = 100.0

    def merging(self, is_bounded: bool, hold: float = 0.0) -> Merging:
        return Merging(lambda: self.now, is_bounded, hold)

    def opened(self, merging: Merging, name: str) -> LogSource:
        source = merging.add(name)
        merging.opened(source)
        return source

    def put(self, merging: Merging, source: LogSource, *times: str) -> None:
        merging.put(source, [LogLine(time, source.name, "") for time in times])

    def ready(self, merging: Merging) -> list[str]:
        """The lines that can be printed now, as their times."""
        return [line.time for line in merging._ready()]

    def rest(self, merging: Merging) -> list[str]:
        merging.expect_no_more()
        batches: Iterator[list[LogLine]] = merging.batches()
        return [line.time for batch in batches for line in batch]

    def test_bounded(self) -> None:
        """Where all streams end by themselves, each is waited for, however long it is silent."""
        merging = self.merging(is_bounded=True)
        a, b = self.opened(merging, "a"), self.opened(merging, "b")
        self.put(merging, a, "1", "3", "5")
        self.now += 1000
        self.assertEqual(self.ready(merging), [])
        self.put(merging, b, "2", "4")
        self.assertEqual(self.ready(merging), ["1", "2", "3", "4"])
        merging.end(b)
        self.assertEqual(self.ready(merging), ["5"])
        merging.end(a)
        self.assertEqual(self.rest(merging), [])

    def test_silent(self) -> None:
        """Where lines are followed, a silent stream is waited for a while."""
        merging = self.merging(is_bounded=False)
        a, b = self.opened(merging, "a"), self.opened(merging, "b")
        self.put(merging, a, "2")
        self.assertEqual(self.ready(merging), [])
        self.now += WINDOW / 2
        self.put(merging, b, "1")
        self.assertEqual(self.ready(merging), ["1"])
        self.now += WINDOW
        self.assertEqual(self.ready(merging), ["2"])

    def test_opening(self) -> None:
        """A stream that is being opened is waited for longer."""
        merging = self.merging(is_bounded=False)
        a = self.opened(merging, "a")
        merging.add("b")
        self.put(merging, a, "1")
        self.now += WINDOW
        self.assertEqual(self.ready(merging), [])
        self.now += OPENING
        self.assertEqual(self.ready(merging), ["1"])

    def test_alone(self) -> None:
        """A single stream is not delayed."""
        merging = self.merging(is_bounded=False)
        self.put(merging, self.opened(merging, "a"), "1")
        self.assertEqual(self.ready(merging), ["1"])

    def test_joining(self) -> None:
        """A line waits for streams that nobody knows yet, and comes behind an earlier one of theirs."""
        merging = self.merging(is_bounded=False, hold=HOLD)
        self.put(merging, self.opened(merging, "a"), "2")
        self.assertEqual(self.ready(merging), [])
        self.now += HOLD / 2
        self.put(merging, self.opened(merging, "b"), "1")
        self.now += HOLD / 2
        self.assertEqual(self.ready(merging), [])
        self.now += HOLD
        self.assertEqual(self.ready(merging), ["1", "2"])

    def test_no_streams(self) -> None:
        """Without streams there are no lines."""
        self.assertEqual(self.rest(self.merging(is_bounded=True)), [])

    def test_memory(self) -> None:
        """A stream with many lines that wait is not read until some are printed."""
        merging = self.merging(is_bounded=True)
        a = self.opened(merging, "a")
        b = self.opened(merging, "b")
        self.put(merging, a, *(f"{number:06}" for number in range(MOST)))
        late = threading.Thread(target=self.put, args=(merging, a, "999999"))
        late.start()
        self.assertEqual((len(a.waiting), late.is_alive()), (MOST, True))
        merging.end(b)
        batches = merging.batches()
        found = len(next(batches))
        late.join(30)
        merging.end(a)
        self.assertEqual(found + len(self.rest(merging)), MOST + 1)
