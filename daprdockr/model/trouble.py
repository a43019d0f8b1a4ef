"""
The troubles that a part of an agent may have, as values: people read each as one line, programs by its type and fields.

A part has a ``condition``, which is one of these, or None while nothing is wrong.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import frozen

from daprdockr.model.stored.doubts import COMMAND


class Component(Enum):
    """The part of an agent that is in trouble."""

    ETCD = "etcd"
    LEASE = "lease"
    ADDRESSES = "addresses"
    ENGINE = "engine"
    GUARD = "guard"
    THREADS = "threads"
    HTTP = "http"


@frozen
class _Quoted:
    """The text of an error, unchanged."""

    reason: str

    def __str__(self) -> str:
        return self.reason


# etcd, as the mirror and the check of writes find it.


@frozen
class EtcdNotReached:
    """It has not answered since the start."""

    component: ClassVar[Component] = Component.ETCD

    def __str__(self) -> str:
        return "etcd was not reached yet"


@frozen
class EtcdDoubted:
    """It answers, and is not believed until a person decides so: see ``model.stored.doubts``."""

    component: ClassVar[Component] = Component.ETCD
    reason: str

    def __str__(self) -> str:
        return f"frozen: {self.reason} ({COMMAND} shows what to do)"


@frozen
class EtcdLost:
    """It cannot be followed now. ``doubted`` is the condition that remains once it can be followed again."""

    component: ClassVar[Component] = Component.ETCD
    reason: str
    doubted: EtcdDoubted | None = None

    def __str__(self) -> str:
        return "; ".join(filter(None, (line(self.doubted), self.reason)))


@frozen
class WritesRefused:
    """It refuses writes of these keys; of any key, if none is named."""

    component: ClassVar[Component] = Component.ETCD
    reason: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{' '.join(('cannot write', *self.keys))}: {self.reason}"


# The node's lease and its record under it, as heartbeat and registration find them.


@frozen
class NoBeatYet:
    """No beat was answered since the start."""

    component: ClassVar[Component] = Component.LEASE

    def __str__(self) -> str:
        return "etcd has not answered yet"


@frozen
class BeatFailed(_Quoted):
    """The last beat failed, and the lease is not certain any more."""

    component: ClassVar[Component] = Component.LEASE


@frozen
class NameHeld:
    """The node's record, at ``key``, stands under another lease."""

    component: ClassVar[Component] = Component.LEASE
    key: str

    def __str__(self) -> str:
        return f"{self.key} is held by another agent of this name, or for some seconds by a former one"


@frozen
class LeaseUnproven:
    """See Note [Two machines, one lease] in ``agent.membership.registration``."""

    component: ClassVar[Component] = Component.LEASE

    def __str__(self) -> str:
        return "another machine held this node's lease and may go on: wait for a beat"


@frozen
class AddressContested(_Quoted):
    """Another machine publishes an address of this node, and had it first."""

    component: ClassVar[Component] = Component.ADDRESSES


# The Docker Engine.


@frozen
class EngineNotReached:
    """It has not answered since the start."""

    component: ClassVar[Component] = Component.ENGINE

    def __str__(self) -> str:
        return "the Docker Engine was not reached yet"


@frozen
class EngineLost(_Quoted):
    """A call to it failed."""

    component: ClassVar[Component] = Component.ENGINE


@frozen
class EngineHangs(_Quoted):
    """It accepts calls and answers none."""

    component: ClassVar[Component] = Component.ENGINE


# The guard, which ends containers that must not outlive the lease.


@frozen
class GuardDown:
    """It does not run, or not as it must."""

    component: ClassVar[Component] = Component.GUARD

    def __str__(self) -> str:
        return "the guard of containers with OnPartition stop does not run: see guard/output.log in --state-dir"


@frozen
class OrdersUnwritten:
    """It does not receive what may run, and until when."""

    component: ClassVar[Component] = Component.GUARD
    reason: str

    def __str__(self) -> str:
        return f"the orders of the guard cannot be written: {self.reason}"


# Threads.


@frozen
class ThreadsBusy:
    """All threads of a pool are busy, and calls wait: ``waiting`` of them, the oldest for ``seconds``."""

    component: ClassVar[Component] = Component.THREADS
    pool: str
    size: int
    waiting: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"all {self.size} {self.pool} threads are busy: {self.waiting} calls wait, "
            f"the oldest for {self.seconds:.0f} s"
        )


# nginx, which serves HTTP.


@frozen
class NginxNotStarted:
    """It has not been started yet."""

    component: ClassVar[Component] = Component.HTTP

    def __str__(self) -> str:
        return "nginx was not started yet"


@frozen
class NginxUnusable(_Quoted):
    """There is no program, or no usable one, or its files could not be prepared."""

    component: ClassVar[Component] = Component.HTTP


@frozen
class NginxDown:
    """It ended, and will be started again."""

    component: ClassVar[Component] = Component.HTTP
    reason: str

    def __str__(self) -> str:
        return f"nginx does not run: {self.reason}"


@frozen
class FilesUnwritable:
    """The files that nginx reads cannot be written below ``directory``."""

    component: ClassVar[Component] = Component.HTTP
    directory: str
    reason: str

    def __str__(self) -> str:
        return f"files in {self.directory} cannot be written: {self.reason}"


@frozen
class RoutesNotServed(_Quoted):
    """The latest routes are not in effect; the last good ones are."""

    component: ClassVar[Component] = Component.HTTP


Trouble = (
    EtcdNotReached
    | EtcdDoubted
    | EtcdLost
    | WritesRefused
    | NoBeatYet
    | BeatFailed
    | NameHeld
    | LeaseUnproven
    | AddressContested
    | EngineNotReached
    | EngineLost
    | EngineHangs
    | GuardDown
    | OrdersUnwritten
    | ThreadsBusy
    | NginxNotStarted
    | NginxUnusable
    | NginxDown
    | FilesUnwritable
    | RoutesNotServed
)


def line(condition: Trouble | None) -> str:
    """Return one line for people, or "" if nothing is wrong."""
    return "" if condition is None else str(condition)
