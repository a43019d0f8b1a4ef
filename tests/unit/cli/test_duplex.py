"""The descriptors that the output of a session goes to, as pipes."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.duplex import Sink


class SinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.addCleanup(os.close, self.writer)
        self.ends: list[str] = []

    def sink(self, lasts: bool = False) -> Sink:
        return Sink(self.writer, lambda: self.ends.append("end"), lasts)

    def test_written(self) -> None:
        """Content is written piece by piece, and the end comes behind all of it."""
        sink = self.sink()
        sink.add(b"x" * 5000)
        sink.write()
        sink.end()
        self.assertEqual((len(sink.waiting), self.ends), (904, []))
        sink.write()
        self.assertEqual((len(os.read(self.reader, 10_000)), self.ends), (5000, ["end"]))
        os.close(self.reader)

    def test_full(self) -> None:
        """A descriptor that takes nothing keeps what waits waiting."""
        sink = self.sink()
        sink.add(b"x" * 200_000)
        for _ in range(100):
            sink.write()
        self.assertTrue(0 < len(sink.waiting) < 200_000)
        os.close(self.reader)

    def test_broken(self) -> None:
        """Content for a reader that is gone is dropped; the end of a reader that has to last is the end of all."""
        os.close(self.reader)
        sink = self.sink()
        sink.add(b"x")
        sink.write()
        sink.add(b"y")
        self.assertEqual(len(sink.waiting), 0)
        lasting = self.sink(lasts=True)
        lasting.add(b"x")
        self.assertRaises(BrokenPipeError, lasting.write)
