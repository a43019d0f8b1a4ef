"""
One question for several nodes, side by side: answers as they come, and who is waited for.

The threads are daemons, because nobody who presses Ctrl-C wants to wait for a node that does not answer; those of
``concurrent.futures`` are awaited, also at the end of the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16

SILENT = 5.0
"""Seconds without an answer after which a person learns who is waited for."""

_NAMED = 3


def side_by_side(
    ask: Callable[[str], T], nodes: Iterable[str], waiting: Callable[[str], object]
) -> Generator[tuple[str, Future[T]], None, None]:
    """
    Yield each node with its answer, or its error, as they come.

    :param ask: blocking; called in threads.
    :param waiting: takes a line that says who is waited for, once for the same ones.
    """
    asked = _asked(ask, nodes)
    said = ""
    while asked:
        done, _ = wait(asked, SILENT, FIRST_COMPLETED)
        for answer in done:
            yield asked.pop(answer), answer
        if not done and (line := f"waiting for {some_of(sorted(asked.values()))}") != said:
            said = line
            waiting(line)


def _asked(ask: Callable[[str], T], nodes: Iterable[str]) -> dict[Future[T], str]:
    """Begin to ask; return the answers that are to come, each with its node."""
    asked = {Future[T](): node for node in nodes}
    todo = queue.SimpleQueue[tuple[Future[T], str]]()
    for one in asked.items():
        todo.put(one)

    def work() -> None:
        while True:
            try:
                answer, node = todo.get_nowait()
            except queue.Empty:
                return
            try:
                answer.set_result(ask(node))
            except BaseException as error:
                answer.set_exception(error)

    for _ in range(min(AT_ONCE, len(asked))):
        threading.Thread(target=work, daemon=True).start()
    return asked


def some_of(names: Sequence[str]) -> str:
    """Return a few of names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
