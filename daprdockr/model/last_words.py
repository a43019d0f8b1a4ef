"""The last words of a container: how it ended, in words, and what it logged last."""

from __future__ import annotations

import re
import signal

from attrs import frozen

from daprdockr.model.host import ContainerState
from daprdockr.model.names import one_line

MOST_LINES = 20
LONGEST_LINE = 200
MOST_BYTES = 4096
"""The bounds of the lines that are kept: their number, characters of each, and bytes of all."""

_SIGNALS = 128
_COLOURS = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]")
_WORDS = {
    0: "exit status 0, as if its work were done",
    126: "its command cannot be executed",
    127: "its command was not found",
    _SIGNALS + signal.SIGABRT: "aborted (SIGABRT)",
    _SIGNALS + signal.SIGKILL: "killed (SIGKILL)",
    _SIGNALS + signal.SIGSEGV: "segmentation fault",
    _SIGNALS + signal.SIGTERM: "stopped by SIGTERM",
}


@frozen
class LastWords:
    """
    ``status`` says how it ended, or that it runs; ``lines`` are the last that it logged, oldest first, and ``silent``
    says that there are none: its log was read, and is empty.
    """

    status: str
    lines: tuple[str, ...] = ()
    silent: bool = False

    def __str__(self) -> str:
        """Return one sentence."""
        if self.silent:
            return f"{self.status}, and it logged nothing"
        return f"{self.status}: {self.lines[-1]}" if self.lines else self.status


def how_it_ended(state: ContainerState) -> str:
    """Return in words how the last run of a container ended: Docker gives 128 and a signal as the exit status."""
    if state.running:
        return "it runs"
    if state.out_of_memory:
        return "killed: out of memory"
    if state.exit_code < _SIGNALS and (state.oom_killed or state.signalled):
        before = "a process in it was killed: out of memory" if state.oom_killed else "it was sent a signal"
        return f"exit status {state.exit_code}, after {before}"
    return _WORDS.get(state.exit_code) or ended_with(state.exit_code)


def ended_with(status: int) -> str:
    """Return in words what the exit status of a program says: that of a signal is 128 and its number."""
    named = status > _SIGNALS and (_WORDS.get(status) or _signal(status))
    return named or f"exit status {status}"


def _signal(status: int) -> str:
    try:
        return f"killed by {signal.Signals(status - _SIGNALS).name}"
    except ValueError:
        return ""


def last_lines(log: bytes) -> tuple[str, ...]:
    """Return the last lines of a log that say something, within the bounds; the text is foreign, and made printable."""
    text = _COLOURS.sub("", log.decode(errors="replace"))
    lines = [line for line in (one_line(line, LONGEST_LINE) for line in text.splitlines()) if line][-MOST_LINES:]
    while sum(len(line.encode()) for line in lines) > MOST_BYTES:
        del lines[0]
    return tuple(lines)
