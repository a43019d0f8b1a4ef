# -*- test-case-name: tests.unit.fakes.test_engine,tests.unit.fakes.test_store -*-
"""
The seams: what the loops ask of etcd and of the Docker Engine.

Each has two implementations that pass one contract suite (``tests/contracts``): the adapter that speaks to
the real thing, and a fake in memory (``tests/fakes``). Both are blocking and safe to call from several threads;
whoever calls them from the reactor goes through a ``Run`` of ``daprdockr.runtime.pool``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from daprdockr.model.host import ContainerState, Image, Inventory
from daprdockr.model.stored.entries import Batch, Commit, Condition, Entry, Lease, Listing, Operation, Prefixes

PING_TIMEOUT = 2.5
"""Seconds that the Engine may take for an answer that costs it nothing."""


class Watch(Protocol):
    """An open watch: iterate for batches (blocking); ``close`` from another thread ends the iteration."""

    def __iter__(self) -> Iterator[Batch]: ...

    def close(self) -> None: ...


class Store(Protocol):
    """
    etcd, as much of it as we use. Every call ends within the store's time limit.

    :raises EtcdUnavailable, EtcdRefused, EtcdHistoryLost: as their texts say; every method may.
    """

    def get(self, key: str) -> Entry | None: ...

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        """
        All that begins with one of the prefixes, at one revision: the present one unless another is given, of which
        EtcdHistoryLost says that it was compacted away. The time limit is for each part that arrives. A value longer
        than ``MAX_DOCUMENT`` of ``reading`` is omitted.
        """

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        """Write unconditionally; returns the revision."""

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        """One transaction: all operations if all conditions hold, else none."""

    def grant(self, ttl: int) -> Lease: ...

    def keep_alive(self, lease: int) -> int:
        """Renew; returns the seconds it now lives, 0 if the lease is gone."""

    def revoke(self, lease: int) -> None: ...

    def watch(self, prefixes: Prefixes, revision: int) -> Watch:
        """
        All that begins with one of the prefixes, from ``revision`` on, in order; the iteration raises when it breaks.
        Values are omitted as in a list.
        """

    def close(self) -> None:
        """Release channel and threads; calls in flight in other threads end with EtcdUnavailable."""


class ContainerEvents(Protocol):
    """The Engine's event stream for our containers: ``(action, container id)``; ends when the Engine does."""

    def __iter__(self) -> Iterator[tuple[str, str]]: ...

    def close(self) -> None: ...


class Engine(Protocol):
    """
    The local Docker Engine, as much of it as we use, seen by one node: only containers that carry its label.

    :raises EngineUnavailable, EngineRefused, ContainerAbsent, ImageAbsent, PullFailed: as their texts say.
    """

    def containers(self) -> Sequence[ContainerState]:
        """All containers of this node, running or not."""

    def inspect(self, container: str) -> ContainerState | None:
        """One container, by its id or its name, or None when it is gone or not this node's."""

    def image(self, reference: str) -> Image | None: ...

    def ping(self) -> None:
        """Return if the Engine answers at all. :raises EngineUnavailable: it did not within ``PING_TIMEOUT``."""

    def inventory(self) -> Inventory:
        """What the host has for containers."""

    def pull(self, reference: str) -> None: ...

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """
        Create a container from a body of the Docker API's ``ContainerCreate``; returns its id.

        :raises ImageAbsent: the image is not on this host. :raises NameTaken: by another container.
        :raises EngineRefused: bad field.
        """

    def start(self, container: str) -> ContainerState:
        """Start it (a no-op when it runs) and return its state after that."""

    def ask_to_stop(self, container: str) -> None:
        """Send it the signal that asks it to end, and return at once; a no-op when it does not run or is gone."""

    def stop(self, container: str, grace: int) -> None:
        """Ask it to stop, kill it after ``grace`` seconds; a no-op when it does not run or is gone."""

    def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, killing it if it runs; a no-op when it is gone."""

    def execute(self, container: str, command: Sequence[str], timeout: float) -> int:
        """Run a command inside and return its exit status; 124 if it took longer than ``timeout`` seconds."""

    def events(self) -> ContainerEvents: ...

    def close(self) -> None: ...
