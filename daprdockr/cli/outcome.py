# -*- test-case-name: tests.unit.cli.commands.test_wait,tests.unit.cli.test_main -*-
"""The exit statuses, and which error means which."""

from __future__ import annotations

from collections.abc import Sequence

from daprdockr.model.errors import DaprdockrError, NotFound
from daprdockr.model.names import InstanceName

_SHOWN = 3

DONE, FAILED, WRONG_USAGE, NOT_FOUND, TIMED_OUT = range(5)
INTERRUPTED = 130
"""As a shell has it: 128 and the number of SIGINT."""


class TimedOut(DaprdockrError):
    """The time was over before all was as it has to be."""


def status_of(error: Exception) -> int:
    """The exit status after an error that came up while a request was carried out."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return TIMED_OUT if isinstance(error, TimedOut) else FAILED


def not_done(timeout: float, lacking: Sequence[tuple[InstanceName, str]]) -> str:
    """What instances still are when the time is over, no more of them than fit a line."""
    shown = [f"{instance} is {lack}" for instance, lack in lacking[:_SHOWN]]
    more = [f"and {len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
    return f"not done after {timeout:g} s: {', '.join(shown + more)}"
