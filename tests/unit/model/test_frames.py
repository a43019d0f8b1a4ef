"""Frames: what one side writes the other reads, in whatever pieces it comes; anything else ends the session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.frames import MAX_FRAME, FrameKind, FrameReader, read, read_window, window, written

FRAMES = st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=40)), max_size=6)


class FramesTests(SynchronousTestCase):
    @given(FRAMES, st.lists(st.integers(1, 20), min_size=1, max_size=20))
    def test_pieces(self, frames: list[tuple[FrameKind, bytes]], sizes: list[int]) -> None:
        """Frames are read as they were written, however they are divided on their way."""
        octets, reader, found, at = b"".join(written(*frame) for frame in frames), FrameReader(), [], 0
        while at < len(octets):
            size = sizes[at % len(sizes)]
            found += reader.feed(octets[at : at + size])
            at += size
        self.assertEqual(found, frames)

    def test_kinds(self) -> None:
        """Each kind has one octet of its own."""
        self.assertEqual({len(kind.value) for kind in FrameKind}, {1})
        self.assertEqual(len({kind.value for kind in FrameKind}), len(FrameKind))

    def test_refused(self) -> None:
        """A frame without a kind, of one that nobody knows, or too long for any agent is refused."""
        for octets in (b"\0\0\0\0", b"\0\0\0\1Z", (MAX_FRAME + 1).to_bytes(4) + b"i", b"HTTP/1.1 400 Bad Request"):
            self.assertRaises(BadInput, FrameReader().feed, octets)
        self.assertRaises(BadInput, read, b"")

    def test_window(self) -> None:
        """The size of a terminal comes through; one that no terminal has is cut to what can be written."""
        self.assertEqual(read_window(window(24, 80)), (24, 80))
        self.assertEqual(read_window(window(-1, 70_000)), (0, 65_535))
        self.assertRaises(BadInput, read_window, b"\0\1\0")
