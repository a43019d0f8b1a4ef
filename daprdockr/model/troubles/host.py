# -*- test-case-name: tests.unit.model.test_trouble -*-
"""
The troubles of the Docker Engine, of the guard, which ends containers that must not outlive the lease, and of threads.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.troubles.component import Component, Quoted


@frozen
class EngineNotReached:
    """It has not answered since the start."""

    component: ClassVar[Component] = Component.ENGINE

    def __str__(self) -> str:
        return "the Docker Engine was not reached yet"


@frozen
class EngineLost(Quoted):
    """A call to it failed."""

    component: ClassVar[Component] = Component.ENGINE


@frozen
class EngineHangs(Quoted):
    """It accepts calls and answers none."""

    component: ClassVar[Component] = Component.ENGINE


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


@frozen
class StateUnwritten:
    """The disk of the state directory takes no writes, so that the next agent would begin with what is there."""

    component: ClassVar[Component] = Component.DISK
    reason: str

    def __str__(self) -> str:
        return f"the last known state cannot be kept in --state-dir: {self.reason}"


@frozen
class ThreadsRefused:
    """The kernel starts no thread for a pool, and calls wait: ``waiting`` of them, the oldest for ``seconds``."""

    component: ClassVar[Component] = Component.THREADS
    pool: str
    waiting: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"no thread can be started, and {self.waiting} {self.pool} calls wait, the oldest for {self.seconds:.0f} s:"
            " raise TasksMax of the agent's unit, or end other processes"
        )


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
