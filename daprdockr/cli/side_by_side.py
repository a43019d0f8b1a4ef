"""One question for several nodes, side by side: answers as they come, and who is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16

SILENT = 5.0
"""Seconds without an answer after which a person learns who is waited for."""

_NAMED = 3


def side_by_side(
    ask: Callable[[str], T], nodes: Iterable[str], waiting: Callable[[str], None]
) -> Iterator[tuple[str, Future[T]]]:
    """
    Yield each node with its answer, or its error, as they come.

    :param ask: blocking; called in threads.
    :param waiting: takes a line that says who is waited for, once for the same ones.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = {threads.submit(ask, node): node for node in nodes}
        said = ""
        while asked:
            done, _ = wait(asked, SILENT, FIRST_COMPLETED)
            for answer in done:
                yield asked.pop(answer), answer
            if not done and (line := f"waiting for {some_of(sorted(asked.values()))}") != said:
                said = line
                waiting(line)


def some_of(names: Sequence[str]) -> str:
    """Return a few of names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
