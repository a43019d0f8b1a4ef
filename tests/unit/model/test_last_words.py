"""How a container ended, in words, and the lines that it logged last."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.last_words import LONGEST_LINE, MOST_BYTES, MOST_LINES, LastWords, how_it_ended, last_lines
from daprdockr.model.names import InstanceName


def ended(exit_code: int, status: Status = Status.EXITED, **how: Any) -> ContainerState:
    instance = InstanceName.parse("1.web.myapp")
    return ContainerState("c1", "n", instance, "d1", status, exit_code=exit_code, **how)


class StatusTests(SynchronousTestCase):
    """``how_it_ended``."""

    def test_words(self) -> None:
        """The exit statuses that mean something are given in words, and the others as numbers."""
        words = {
            0: "exit status 0, as if its work were done",
            1: "exit status 1",
            126: "its command cannot be executed",
            127: "its command was not found",
            129: "killed by SIGHUP",
            137: "killed (SIGKILL)",
            139: "segmentation fault",
            143: "stopped by SIGTERM",
            255: "exit status 255",
            -1: "exit status -1",
        }
        self.assertEqual({code: how_it_ended(ended(code)) for code in words}, words)

    def test_out_of_memory(self) -> None:
        """A kill is one for lack of memory only if the Engine says so."""
        self.assertEqual(how_it_ended(ended(137, oom_killed=True)), "killed: out of memory")

    def test_process_out_of_memory(self) -> None:
        """The Engine also says so of a container in which a worker was killed, and that ended much later."""
        after = "after a process in it was killed: out of memory"
        words = {0: f"exit status 0, {after}", 1: f"exit status 1, {after}", 143: "stopped by SIGTERM"}
        self.assertEqual({code: how_it_ended(ended(code, oom_killed=True)) for code in words}, words)
        self.assertEqual(how_it_ended(ended(137, oom_killed=True, signalled=True)), "killed (SIGKILL)")

    def test_signalled(self) -> None:
        """A program that ends because of a signal has not done its work."""
        words = {0: "exit status 0, after it was sent a signal", 137: "killed (SIGKILL)"}
        self.assertEqual({code: how_it_ended(ended(code, signalled=True)) for code in words}, words)

    def test_runs(self) -> None:
        """One that runs did not end."""
        self.assertEqual(how_it_ended(ended(0, status=Status.RUNNING)), "it runs")


class LinesTests(SynchronousTestCase):
    """``last_lines``."""

    def test_last(self) -> None:
        """The last lines are kept, without empty ones."""
        lines = last_lines(b"\n".join(b"line %d\n" % number for number in range(30)))
        self.assertEqual(lines, tuple(f"line {number}" for number in range(10, 30)))
        self.assertEqual(len(lines), MOST_LINES)

    def test_bounded(self) -> None:
        """Lines are bounded, each and together, and the latest ones stay."""
        lines = last_lines(b"".join(b"%02d" % number + b"\xc3\xa9" * 10000 + b"\n" for number in range(30)))
        self.assertEqual(max(map(len, lines)), LONGEST_LINE)
        self.assertLessEqual(sum(len(line.encode()) for line in lines), MOST_BYTES)
        self.assertTrue(lines[-1].startswith("29"))

    def test_foreign_text(self) -> None:
        """Control characters, colours and bytes that are no text reach no terminal."""
        lines = last_lines(b"\x1b[1;31mred\x1b[0m\x07 \x00and\x1b]0;title\x07\t\xff more\r\n")
        self.assertTrue(all(line.isprintable() for line in lines))
        self.assertEqual(lines, ("red and]0;title \ufffd more",))

    def test_sentence(self) -> None:
        """The last words are one sentence, with the last line if there is one."""
        self.assertEqual(str(LastWords("exit status 1", ("a", "no database"))), "exit status 1: no database")
        self.assertEqual(str(LastWords("exit status 1")), "exit status 1")
        self.assertEqual(str(LastWords("exit status 1", silent=True)), "exit status 1, and it logged nothing")
