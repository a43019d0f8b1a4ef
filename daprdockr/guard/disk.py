"""
The guard's access to the disk: the content of one file, and an output for its lines.

Note [A disk may hang]
    The disk that hangs an Engine usually holds the state directory too. A thread that waits for it cannot be woken. So
    one thread reads and writes, and the thread that watches the clock waits for it a moment only and then uses what was
    read last: the deadlines in there hold whether or not there are newer ones.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from daprdockr.guard.regular import NotUsable, read_regular

ORDERS = "guard.json"
"""The file in the state directory by which an agent gives its guard the orders."""

TIMEOUT = 0.05
"""Seconds that a pass waits for the disk; part of the margin before a deadline."""

LONGEST = 16 * 1024 * 1024
"""The most bytes of the file that are read."""

LINES = 100


class Disk:
    """
    :param path: the file to read, which is replaced as a whole.
    :param output: the file descriptor to write lines to.
    :param regular: reads a file of at most so many bytes; tests pass one that waits.
    """

    def __init__(self, path: Path, output: int = 1, regular: Callable[[Path, int], bytes] = read_regular) -> None:
        self._path = path
        self._output = output
        self._regular = regular
        self._content: bytes | None = None
        self._lines: deque[str] = deque(maxlen=LINES)
        self._asked, self._answered = Event(), Event()
        self._thread = Thread(target=self._serve, name="disk", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def read(self) -> bytes | None:
        """
        Return the present content of the file; the last known one while it cannot be read or the disk hangs; None:
        nothing yet.
        """
        self._answered.clear()
        self._asked.set()
        self._answered.wait(TIMEOUT)
        return self._content

    def report(self, line: str) -> None:
        """Write a line soon. If many wait for the disk, the last ones are kept."""
        self._lines.append(line)

    def _serve(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            self._work()
            self._answered.set()
            self._write()

    def _work(self) -> None:
        try:
            self._content = self._regular(self._path, LONGEST)
        except (OSError, NotUsable):
            return

    def _write(self) -> None:
        while self._lines:
            try:
                os.write(self._output, f"{self._lines.popleft()}\n".encode())
            except OSError:
                return
