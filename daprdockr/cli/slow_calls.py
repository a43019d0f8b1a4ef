"""A line for the person at a terminal about what a command waits for, once that takes longer than a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from attrs import define, field

MOMENT = 1.0
"""Seconds in which nobody wonders."""


def say_on_terminal(stream: TextIO | None, line: str) -> None:
    """Print a line for a person. Programs do not wonder, and a slow etcd is no reason to write into their logs."""
    if stream is not None and stream.isatty():
        print(f"daprdockrcmd: {line}", file=stream, flush=True)


@define(eq=False)
class SlowCalls:
    """
    :ivar say: takes the line, once, in another thread.
    :ivar moment: seconds after which it is said.
    """

    say: Callable[[str], object]
    line: str
    moment: float = MOMENT
    _said: bool = field(init=False, default=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Say the line if this lasts longer than a moment."""
        if self._said:
            yield
            return
        timer = threading.Timer(self.moment, self._say)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _say(self) -> None:
        self._said = True
        self.say(self.line)
