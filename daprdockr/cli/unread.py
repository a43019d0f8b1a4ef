"""Noticing that nobody reads what a command prints, also while it has nothing to print."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from typing import TextIO


def when_unread(stream: TextIO, call: Callable[[], object]) -> None:
    """Call, in another thread, when the reader of a pipe is gone. A file has none, so nothing happens then."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return
    threading.Thread(target=_wait, args=(descriptor, call), daemon=True).start()


def _wait(descriptor: int, call: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # an error is reported without being asked for
    if poll.poll():
        call()
