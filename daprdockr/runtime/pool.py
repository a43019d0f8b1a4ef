# -*- test-case-name: tests.unit.runtime.test_workers -*-
"""The interface by which loops run blocking calls; ``workers`` has the threads, and tests have none."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Run(Protocol):
    """Run a blocking call in a thread of a pool; the Deferred fires in the reactor's thread."""

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]: ...


class Pool(Protocol):
    """Threads that owners (services, registries) share, so that none of them can take all."""

    def of(self, owner: Hashable) -> Run:
        """Return a ``Run`` for calls that belong to ``owner``."""
