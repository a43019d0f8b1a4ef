# -*- test-case-name: tests.unit.fakes.test_engine,tests.unit.fakes.test_store -*-
"""
The seams: the interfaces of etcd and of the Docker Engine that the loops depend on.

Each has two implementations that pass one contract suite (``tests/contracts``): the adapter for the real program, and a
fake in memory (``tests/fakes``). Both are blocking and safe to call from several threads; the reactor calls them
through a ``Run`` of ``daprdockr.runtime.pool``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from daprdockr.model.etcd_look import EtcdLook
from daprdockr.model.etcd_member import EtcdMember
from daprdockr.model.host import ContainerState, Executed, Image, Inventory, Volume
from daprdockr.model.stored.entries import Batch, Commit, Condition, Entry, Lease, Listing, Operation, Prefixes

PING_TIMEOUT = 2.5
"""The timeout of an answer that costs the Engine nothing, in seconds."""


class Watch(Protocol):
    """An open watch: iterate for batches (blocking); ``close`` from another thread ends the iteration."""

    def __iter__(self) -> Iterator[Batch]: ...

    def close(self) -> None: ...


class MemberList(Protocol):
    """
    The members of etcd and their changes.

    :raises EtcdUnavailable, EtcdRefused: by any method.
    """

    def list(self) -> tuple[EtcdMember, ...]: ...

    def add_learner(self, url: str) -> None:
        """Have etcd expect a new member there, which copies and does not vote."""

    def promote(self, member: int) -> None:
        """Give a learner its vote; refused until it has caught up."""

    def remove(self, member: int) -> None: ...


class EtcdUpkeep(Protocol):
    """
    The maintenance of etcd. Blocking; each call may take minutes.

    :raises EtcdUnavailable, EtcdRefused: by any method.
    """

    def look(self) -> EtcdLook: ...

    def compact(self, revision: int) -> None:
        """Forget all that was before this revision; a no-op if that has been done."""

    def defragment(self, member: int) -> None:
        """Have a member write its database anew, without unused room; it answers nothing meanwhile."""

    def disarm(self, members: Collection[int]) -> None:
        """Have etcd take writes again: the databases of these members have room."""


class Store(Protocol):
    """
    The part of etcd that we use. Every call ends within the store's timeout.

    :raises EtcdUnavailable, EtcdRefused, EtcdHistoryLost: by any method; their docstrings say when.
    """

    def get(self, key: str) -> Entry | None: ...

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        """
        Return all entries below the prefixes at one revision: the present one unless another is given. The timeout
        applies to each part that arrives. A value longer than ``MAX_DOCUMENT`` of ``reading`` is omitted.

        :raises EtcdHistoryLost: the revision was compacted away.
        """

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        """Write unconditionally; return the revision."""

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        """Run one transaction: all operations if all conditions hold, otherwise none."""

    def grant(self, ttl: int) -> Lease: ...

    def keep_alive(self, lease: int) -> int:
        """Renew a lease; return its time to live in seconds, 0 if the lease is gone."""

    def revoke(self, lease: int) -> None: ...

    def watch(self, prefixes: Prefixes, revision: int) -> Watch:
        """
        Watch everything below the prefixes from ``revision`` on, in order; the iteration raises when the watch breaks.
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
    The part of the local Docker Engine that we use, seen by one node: only containers that carry its label.

    :raises EngineUnavailable, EngineRefused, ContainerAbsent, ImageAbsent, PullFailed: their docstrings say when.
    """

    def containers(self) -> Sequence[ContainerState]:
        """Return all containers of this node, running or not."""

    def inspect(self, container: str) -> ContainerState | None:
        """Return one container, by its id or its name, or None when it is gone or not this node's."""

    def image(self, reference: str) -> Image | None: ...

    def made_from(self, container: str, reference: str) -> Image | None:
        """Return the image that a container was made from by this reference, to which that may lead no more."""

    def volume(self, name: str) -> Volume | None: ...

    def ping(self) -> None:
        """Return if the Engine answers at all. :raises EngineUnavailable: it did not within ``PING_TIMEOUT``."""

    def ask_containerd(self) -> None:
        """Return if the Engine's containerd answers. :raises EngineSilent: it did not within ``PING_TIMEOUT``."""

    def inventory(self) -> Inventory:
        """Return the host's resources for containers."""

    def pull(self, reference: str) -> None: ...

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """
        Create a container from a body of the Docker API's ``ContainerCreate``; return its id.

        :raises ImageAbsent: the image is not on this host.
        :raises NameTaken: another container has the name.
        :raises EngineRefused: a field is wrong.
        """

    def user_id(self, container: str) -> int:
        """
        Return the number of the user as whom a container runs, whether it runs or not.

        :raises EngineRefused: its image does not know the user's name.
        """

    def start(self, container: str) -> ContainerState:
        """Start it (a no-op when it runs) and return its state after that."""

    def signal(self, container: str, signal: str) -> None:
        """Send a signal, such as "SIGHUP", to its main process; a no-op when it does not run or is gone."""

    def ask_to_stop(self, container: str) -> None:
        """Send it the signal that asks it to end, and return at once; a no-op when it does not run or is gone."""

    def stop(self, container: str, grace: int) -> None:
        """Ask it to stop, kill it after ``grace`` seconds; a no-op when it does not run or is gone."""

    def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, killing it if it runs; a no-op when it is gone."""

    def execute(self, container: str, command: Sequence[str], timeout: float) -> Executed:
        """Run a command inside; its exit status is 124 if it took longer than ``timeout`` seconds."""

    def log_tail(self, state: ContainerState) -> bytes:
        """
        Return the end of what a container logged in its last run, of bounded length, errors and output together.

        :raises EngineRefused, EngineFailed: among others, when its logging driver cannot be read.
        """

    def events(self) -> ContainerEvents: ...

    def close(self) -> None: ...
