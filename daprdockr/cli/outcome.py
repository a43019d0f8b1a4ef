# -*- test-case-name: tests.unit.cli.commands.test_wait,tests.unit.cli.test_main -*-
"""The exit statuses, and the errors that lead to them."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from daprdockr.model.errors import DaprdockrError, NotFound

_SHOWN = 3

DONE, FAILED, WRONG_USAGE, NOT_FOUND, TIMED_OUT = range(5)
INTERRUPTED = 130
"""As in a shell: 128 and the number of SIGINT."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A disk, or what this user may have of it, is full."""


class TimedOut(DaprdockrError):
    """The timeout passed before everything was as required."""


class CommandStatus(DaprdockrError):
    """A command in an instance ended with this status, which is that of the whole."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def status_of(error: Exception) -> int:
    """Return the exit status for an error that occurred while a request was carried out."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return TIMED_OUT if isinstance(error, TimedOut) else FAILED


def not_done(timeout: float, lacking: Sequence[tuple[object, str]]) -> str:
    """
    Return the states of instances, or of what else is named, at the timeout, no more of them than fit a line; a reason
    that several have stands there once.
    """
    shown: list[str] = []
    for instance, lack in lacking[:_SHOWN]:
        state, begin, reason = lack.partition(" (")
        is_given = bool(begin) and any(one.endswith(begin + reason) for one in shown)
        shown.append(f"{instance} is {f'{state} (for the same reason)' if is_given else lack}")
    more = [f"and {len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
    return f"not done after {timeout:g} s: {', '.join(shown + more)}"
