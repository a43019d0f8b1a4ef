"""Tables that fit a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.console import Console
from daprdockr.picture.wrapped import columns

ROWS = [["NODE", "REASON"], ["host1", "the image could not be pulled: no route to the registry"], ["host2", "-"]]
WHOLE = [
    "NODE    REASON",
    "host1   the image could not be pulled: no route to the registry",
    "host2   -",
]


class ColumnsTests(SynchronousTestCase):
    """``columns``."""

    def test_no_limit(self) -> None:
        """Without a width, and where there is room, each row is one line."""
        for width in (0, 63):
            self.assertEqual(list(columns(ROWS, width)), WHOLE)

    def test_folded(self) -> None:
        """A reason that is too long goes on below itself."""
        folded = ["host1   the image could not be pulled:", "        no route to the registry"]
        self.assertEqual(list(columns(ROWS, 40)), [WHOLE[0], *folded, WHOLE[2]])

    def test_below(self) -> None:
        """Where the other columns leave no room for it, it stands below its row, also when every word is too long."""
        rows = [[*ROWS[1][:1], "a" * 20, "b" * 30], ["host2", "c", "-"], ["host3", "d", "short"]]
        below = ["host2   c", "host3   d", "    short"]
        self.assertEqual(list(columns(rows, 40)), ["host1   " + "a" * 20, "    " + "b" * 30, *below])
        narrow = ["host1  " + "a" * 20, "    " + "b" * 24, "    " + "b" * 6, "host2  c", "host3  d", "    short"]
        self.assertEqual(list(columns(rows, 10)), narrow)

    def test_long_names(self) -> None:
        """Long names lose their middle as far as the last column needs it; lists and times go on below themselves."""
        name = "checkout-service-of-the-" + "q" * 39
        row = [f"1.{name}.shop", name, "32768->8080/tcp,32769->53/udp", "2023-11-14 22:13:20Z", "exit code 1"]
        self.assertEqual(list(columns([row], 80)), [
            "1.chec….shop  checko…qqqqq  32768->8080/tcp,  2023-11-14 22:13:20Z  exit code 1",
            "                            32769->53/udp",
        ])  # fmt: skip
        for width in (60, 80, 100, 120, 160):
            lines = list(columns([["INSTANCE", "NODE", "PORTS", "STARTED", "REASON"], row], width))
            self.assertLessEqual(max(map(len, lines)), width)
        uncut = list(columns([[name, "a reason for which there is no room"]], 80))
        self.assertEqual(uncut, [name, "    a reason for which there is no room"])
        self.assertEqual(list(columns([row], 0)), ["   ".join(row)])

    def test_columns_of_others(self) -> None:
        """Rows that are printed later stand in the columns of the earlier ones."""
        self.assertEqual(list(columns([["a", "b"]], 80, (5, 0))), ["a       b"])


class TerminalTests(SynchronousTestCase):
    """A table on a terminal."""

    def test_width(self) -> None:
        """It takes the width of the terminal."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        with open(theirs, "w", encoding="utf-8") as stdout:
            Console(io.BytesIO(), stdout, io.StringIO()).print_table(ROWS[0], ROWS[1:])
            stdout.flush()
            expected, shown = list(columns(ROWS, 40)), b""
            while shown.count(b"\n") < len(expected):  # a terminal hands on what was written in pieces
                shown += os.read(ours, 4096)
            self.assertEqual(shown.decode().splitlines(), expected)
