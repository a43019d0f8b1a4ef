# -*- test-case-name: tests.unit.agent.guarding.test_guard_process,tests.functional.test_guard -*-
"""
The agent's end of the memory that it shares with its guard: Note [Orders without a disk] in ``daprdockr.guard.memory``.
"""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.guard.memory import SharedMemory

CHILD_DESCRIPTOR = 3
"""Under this number a guard inherits it; it is found by its name, whatever its number."""


class GuardMemory:
    """Its own memory for the guards that it starts, or that of a guard that was adopted."""

    def __init__(self) -> None:
        self._memory: SharedMemory | None = None
        self._pid: int | None = None

    def descriptors(self) -> Mapping[int, int]:
        """Return what a guard inherits."""
        memory = self._found()
        return {} if memory is None else {CHILD_DESCRIPTOR: memory.fileno()}

    def join(self, pid: int) -> None:
        """Use the memory of this guard; an older one has none."""
        self._memory = SharedMemory.of(pid) or self._memory

    def read(self) -> bytes | None:
        """Return the orders in it; None: there are none."""
        return None if self._memory is None else self._memory.read()

    def write(self, orders: bytes, pid: int | None) -> bool:
        """
        Write orders; return whether the guard reads them here.

        :param pid: the guard; None: the next one that starts.
        """
        memory = self._found()
        if memory is None:
            return False
        try:
            memory.write(orders)
        except OSError:
            return False
        if pid is not None and pid != self._pid:
            if not memory.is_that_of(pid):
                return False
            self._pid = pid
        return True

    def _found(self) -> SharedMemory | None:
        """Return the memory, made when it is first needed; None: the kernel has none to give."""
        if self._memory is None:
            try:
                self._memory = SharedMemory.create()
            except OSError:
                return None
        return self._memory
