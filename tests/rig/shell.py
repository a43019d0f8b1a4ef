"""A shell as a person has it, with line editing on a terminal, in which keys are pressed one line after the other."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 60.0
"""Seconds after which a shell that prints nothing fails its test."""

ENTER = "\r"


def _take_terminal() -> None:
    """Make stdin the terminal that this session is controlled from: fish begins nothing without one."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class TypedShell:
    """
    :param command: starts the shell. :param said: a pattern of what it prints in answer to one line.
    :param first: a directory whose programs it finds before all others.

    The caller calls ``close`` at the end.
    """

    def __init__(self, command: Sequence[str], said: str, first: Path) -> None:
        self._said = re.compile(said)
        self._screen = ""
        self._terminal, its_end = pty.openpty()
        path = f"{first}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "TERM": "vt100", "LC_ALL": "C.UTF-8", "PATH": path}
        self._process = subprocess.Popen(
            command,
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(its_end)

    def answer(self, keys: str) -> str:
        """Type these keys, and wait until the shell has said something; the pattern's first group of that."""
        os.write(self._terminal, keys.encode())
        deadline = time.monotonic() + PATIENCE
        while (found := self._said.search(self._screen)) is None:
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{keys!r} was not answered: {self._screen!r}")
            self._screen += os.read(self._terminal, 65536).decode(errors="replace")
        self._screen = self._screen[found.end() :]
        return found[1]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)
