"""The Engine's pieces of output and errors, and the lines of a log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.pieces import ERRORS, LONGEST_LINE, Lines, Pieces

STREAMS = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=30)), max_size=8)


def piece(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4) + content


class PiecesTests(SynchronousTestCase):
    @given(STREAMS, st.integers(1, 25))
    def test_divided(self, pieces: list[tuple[int, bytes]], size: int) -> None:
        """The content of each stream comes through, however it arrives, and each piece ends once."""
        octets, found, ends = b"".join(piece(*one) for one in pieces), {1: b"", 2: b""}, 0

        def take(stream: int, content: bytes) -> None:
            found[stream] += content

        def end() -> None:
            nonlocal ends
            ends += 1

        reader = Pieces(take, end)
        for at in range(0, len(octets), size):
            reader.received(octets[at : at + size])
        expected = {stream: b"".join(text for number, text in pieces if number == stream) for stream in (1, 2)}
        self.assertEqual((found, ends), (expected, len(pieces)))

    def test_nothing_waits(self) -> None:
        """A long piece is handed on before its end is there."""
        found: list[bytes] = []
        reader = Pieces(lambda stream, content: found.append(content))
        reader.received(piece(1, b"x" * 1000)[:508])
        self.assertEqual(sum(map(len, found)), 500)

    def test_empty(self) -> None:
        """A piece without content changes nothing."""
        found: list[bytes] = []
        Pieces(lambda stream, content: found.append(content)).received(piece(1, b"") + piece(2, b"a"))
        self.assertEqual(found, [b"a"])


class LinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.found: list[tuple[int, bytes]] = []
        self.lines = Lines(lambda stream, line: self.found.append((stream, line)))

    def test_streams_apart(self) -> None:
        """Lines of output and errors are put together each by themselves."""
        for stream, content in ((1, b"a"), (ERRORS, b"x\ny"), (1, b"b\n"), (ERRORS, b"z\n")):
            self.lines.received(stream, content)
        self.assertEqual(self.found, [(ERRORS, b"x\n"), (1, b"ab\n"), (ERRORS, b"yz\n")])

    def test_last(self) -> None:
        """The last line may lack its line feed, and is handed on once."""
        self.lines.received(1, b"a\nb")
        self.lines.end()
        self.lines.end()
        self.assertEqual(self.found, [(1, b"a\n"), (1, b"b\n")])

    def test_endless(self) -> None:
        """A line that never ends is cut, so it is not kept whole."""
        for _ in range(10):
            self.lines.received(1, b"x" * LONGEST_LINE)
        self.assertTrue(all(len(line) <= LONGEST_LINE + 1 for _, line in self.found))
        self.assertTrue(len(self.found) >= 5)
