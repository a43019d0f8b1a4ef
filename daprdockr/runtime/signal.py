"""
A signal: its source calls it, and its subscribers are called; so loops wake each other without knowing each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

from twisted.logger import Logger

P = ParamSpec("P")


class Signal(Generic[P]):
    """
    Calls all subscribers, in the order in which they subscribed, with its own arguments. In the reactor's thread only.
    One that fails is logged: a fault in one part must not keep a change from the others, which learn of it only once.
    """

    log = Logger()

    def __init__(self) -> None:
        self._subscribers: list[Callable[P, object]] = []

    def subscribe(self, subscriber: Callable[P, object]) -> None:
        self._subscribers.append(subscriber)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(*args, **kwargs)
            except Exception:
                name = getattr(subscriber, "__qualname__", type(subscriber).__name__)
                self.log.failure("{subscriber} failed, and the other subscribers are called", subscriber=name)
