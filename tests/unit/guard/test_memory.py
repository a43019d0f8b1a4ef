"""The memory that agent and guard share: read by both, whole or not at all."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.memory import _HEAD, LONGEST, SharedMemory


class SharedMemoryTests(SynchronousTestCase):
    """One memory, with a writer and a reader that have it open each."""

    def setUp(self) -> None:
        self.writer = SharedMemory.create()
        self.reader = SharedMemory(os.dup(self.writer.fileno()))

    def test_nothing_yet(self) -> None:
        """A memory that nobody wrote to has no content."""
        self.assertIsNone(self.reader.read())

    def test_newest(self) -> None:
        """The last write is read, also if it is shorter, as often as one likes."""
        for content in (b"one, which is longer", b"two", b"two", b""):
            self.writer.write(content)
            self.assertEqual([self.reader.read(), self.reader.read()], [content, content])

    def test_in_the_middle_of_a_write(self) -> None:
        """A reader keeps what it has while a write goes on, and a reader that has nothing gets nothing."""
        self.writer.write(b"one")
        self.assertEqual(self.reader.read(), b"one")
        os.pwrite(self.writer.fileno(), b"two", _HEAD.size)
        late = SharedMemory(os.dup(self.writer.fileno()))
        self.assertEqual((self.reader.read(), late.read()), (b"one", None))
        self.writer.write(b"two")
        self.assertEqual((self.reader.read(), late.read()), (b"two", b"two"))

    def test_garbage(self) -> None:
        """With any garbage in the memory a reader keeps what it has, and the next write is read."""
        self.writer.write(b"one")
        self.assertEqual(self.reader.read(), b"one")
        for head in (b"\xff" * _HEAD.size, b"\1" * _HEAD.size, _HEAD.pack(9, 2**63, 7), _HEAD.pack(9, LONGEST + 1, 7)):
            os.pwrite(self.writer.fileno(), head, 0)
            self.assertEqual(self.reader.read(), b"one")
            self.writer.write(b"two")
            self.assertEqual(self.reader.read(), b"two")
            self.writer.write(b"one")
            self.assertEqual(self.reader.read(), b"one")

    def test_found(self) -> None:
        """A process that has it open is known by that, and any other is not."""
        self.assertTrue(self.writer.is_that_of(os.getpid()))
        found = SharedMemory.of("self")
        assert found is not None
        self.assertTrue(found.is_that_of(os.getpid()))
        self.assertFalse(self.writer.is_that_of(2**22 + 1))
        self.assertIsNone(SharedMemory.of(2**22 + 1))
