"""Tests for daprdockr.engine.execution, with a command whose output is at hand."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from ssl import SSLWantReadError
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.execution import OVERDUE, execute
from daprdockr.engine.output import OutputEnd
from daprdockr.model.host import Executed

NOBODY = 2**22 + 1
IN_EVERY_CGROUP = ":"


class Talking:
    """
    A client of an Engine, and the socket of its one command, which writes ``left`` bytes without a pause. Its exit
    status is ``status``; None: it runs. Its process is what ``pids`` says at each question, at last the last one.
    """

    def __init__(self, left: float, status: int | None = 0, pids: Sequence[int] = (NOBODY,)) -> None:
        self.left = left
        self.pids = list(pids)
        self.status = status
        self.reads = 0
        self.timeout = 60

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        return {"Id": "e"}

    def exec_start(self, execution: str, socket: bool) -> Talking:
        return self

    def exec_inspect(self, execution: str) -> dict[str, Any]:
        pid = self.pids.pop(0) if len(self.pids) > 1 else self.pids[0]
        return {"ExitCode": self.status, "Pid": pid, "ContainerID": IN_EVERY_CGROUP}

    def settimeout(self, seconds: float) -> None:
        pass

    def recv(self, size: int) -> bytes:
        self.reads += 1
        size = int(min(size, self.left))
        self.left -= size
        return b"x" * size

    def close(self) -> None:
        pass


SLOW_TO_FORK = """
import os, time
memory = b"x" * 800_000_000
for _ in range(1000):
    if not os.fork():
        time.sleep(1000)
"""


class TalkingByTls(Talking):
    """The same by TLS, with nothing but the head in the buffer; a socket of TLS reports that in a way of its own."""

    def __init__(self, left: float) -> None:
        super().__init__(left)
        self._response = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=self)))

    def peek(self) -> bytes:
        raise SSLWantReadError("The operation did not complete (read)")


def run(talking: Talking, timeout: float) -> int:
    return executed(talking, timeout).status


def executed(talking: Talking, timeout: float) -> Executed:
    client: Any = talking
    return execute(client, "c", ["talk"], timeout, monotonic)


def living(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def kill(processes: list[int]) -> None:
    for one in processes:
        with contextlib.suppress(OSError):
            os.kill(one, signal.SIGKILL)


class OutputEndTests(SynchronousTestCase):
    """The end of the output."""

    def test_frames(self) -> None:
        """The pieces of both streams are put together, wherever they were cut; too much of it is cut at the front."""
        sent = b"".join(
            bytes((stream, 0, 0, 0)) + len(piece).to_bytes(4, "big") + piece
            for stream, piece in ((1, b"one "), (2, b""), (2, b"two "), (1, b"three"))
        )
        for size in (1, 3, 8, 100):
            output = OutputEnd()
            for start in range(0, len(sent), size):
                output.take(sent[start : start + size])
            self.assertEqual(output.kept, b"one two three")
        output.take(b"\1\0\0\0" + (9000).to_bytes(4, "big") + b"x" * 8999 + b"y")
        self.assertEqual((len(output.kept), output.kept[-2:]), (4096, b"xy"))

    def test_strange(self) -> None:
        """Output that comes without frames does no harm."""
        output = OutputEnd()
        output.take(b"x" * 100_000)
        self.assertEqual(output.kept, b"x" * 4096)


class OutputTests(SynchronousTestCase):
    """The output of a command."""

    def test_much(self) -> None:
        """A command may write much, and its exit status counts."""
        self.assertEqual(run(Talking(2_000_000), 60.0), 0)

    def test_later_by_tls(self) -> None:
        """Output that comes after the head of the answer is read by TLS as well."""
        talking = TalkingByTls(1000)
        self.assertEqual((run(talking, 60.0), talking.left), (0, 0))

    def test_endless(self) -> None:
        """Output without end is read slowly until the command is overdue."""
        talking = Talking(float("inf"), status=None)
        self.assertEqual(run(talking, 0.2), OVERDUE)
        self.assertLess(talking.reads, 50)

    def test_left_behind(self) -> None:
        """Of a command that has ended the exit status counts, although another process holds its output."""
        for status in (0, 3):
            self.assertEqual(run(Talking(float("inf"), status), 0.2), status)

    def test_begun_late(self) -> None:
        """A command that the Engine begins after its time is killed like any other that is overdue."""
        command = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        self.assertEqual(run(Talking(float("inf"), None, (0, 0, command.pid)), 0.2), OVERDUE)
        self.assertEqual(command.wait(60), -signal.SIGKILL)

    def test_all_that_it_starts(self) -> None:
        """Nothing is left of a command that starts others while it is killed."""
        self.leaves_none("sh", "-c", "i=0; while [ $i -lt 1000 ]; do sleep 1000 & i=$((i+1)); done; wait")

    def test_slow_to_start(self) -> None:
        """So it is where the command is always about to start one: its memory takes long to copy."""
        for _ in range(3):
            self.leaves_none(sys.executable, "-c", SLOW_TO_FORK, timeout=0.5)

    def leaves_none(self, *words: str, timeout: float = 0.2) -> None:
        command = subprocess.Popen(words, start_new_session=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        self.assertEqual(run(Talking(float("inf"), None, (command.pid,)), timeout), OVERDUE)
        deadline = monotonic() + 60
        while (left := living(command.pid)) and monotonic() < deadline:
            sleep(0.01)
        self.addCleanup(kill, left)
        self.assertEqual([], left)
