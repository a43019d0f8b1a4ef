"""Services that stop one after another."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.sequence import Sequence


class Part(Service):
    """Notes what is asked of it; its stop ends when the test says so."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.setName(name)
        self.notes = notes
        self.stopped: Deferred[None] | None = Deferred()
        self.error: Exception | None = None

    def startService(self) -> None:
        super().startService()
        self.notes.append(f"start {self.name}")

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        self.notes.append(f"stop {self.name}")
        if self.error:
            raise self.error
        return self.stopped


class SequenceTests(SynchronousTestCase):
    """``Sequence``."""

    def setUp(self) -> None:
        self.notes: list[str] = []
        self.sequence = Sequence()
        self.parts = [Part(name, self.notes) for name in "abc"]
        for part in self.parts:
            part.setServiceParent(self.sequence)
        self.sequence.startService()

    def end(self, part: Part) -> None:
        assert part.stopped is not None
        part.stopped.callback(None)

    def test_start(self) -> None:
        """Parts start in their order."""
        self.assertEqual(self.notes, ["start a", "start b", "start c"])
        self.assertTrue(self.sequence.running)

    def test_stop(self) -> None:
        """Parts stop in the opposite order, each when the one after it has stopped; then the whole has."""
        a, b, c = self.parts
        stopped = self.sequence.stopService()
        self.assertFalse(self.sequence.running)
        for part, notes in ((c, ["stop c"]), (b, ["stop c", "stop b"]), (a, ["stop c", "stop b", "stop a"])):
            self.assertEqual(self.notes[3:], notes)
            self.assertNoResult(stopped)
            self.end(part)
        self.successResultOf(stopped)

    def test_stops_at_once(self) -> None:
        """A part whose stop gives no Deferred has stopped when it returns."""
        for part in self.parts:
            part.stopped = None
        self.successResultOf(self.sequence.stopService())

    def test_stop_fails(self) -> None:
        """A part that does not stop cleanly is logged by its name, and the others are stopped."""
        a, b, c = self.parts
        b.error = RuntimeError("unforeseen")
        stopped = self.sequence.stopService()
        assert c.stopped is not None
        c.stopped.errback(RuntimeError("unforeseen"))
        self.end(a)
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
