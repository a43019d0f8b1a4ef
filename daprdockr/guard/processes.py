"""
The processes of containers, as the kernel lists them (proc(5), cgroups(7), pid_namespaces(7)), and signals to them.

Knows nothing of an Engine: a container is the cgroup that carries its id. That holds for both versions of cgroups, for
the drivers ``cgroupfs`` (``.../<id>``) and ``systemd`` (``.../docker-<id>.scope``), below any parent, for cgroups that
the container makes inside, and for an Engine that runs in a container itself.

Note [Nobody else is hit]
    Between the search and the signal a pid may pass to another process. So a pidfd is opened first and the cgroup read
    once more after that: if the pid went to a stranger before the opening the second reading shows it, and after the
    opening the pidfd can mean no other process.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", re.ASCII)
_LONGEST = 65536
"""The most bytes that are read of one file; the longest cgroup of version 1 names its path a dozen times."""

Send = Callable[[int, int], None]


class Processes:
    """
    Reads below ``root``; tests pass a directory of their own, and functions that open and signal.

    A process belongs to every container whose id stands in its cgroup: to the outer one as well, where an Engine runs
    inside a container.
    """

    def __init__(
        self,
        root: Path = Path("/proc"),
        open_pidfd: Callable[[int], int] = os.pidfd_open,
        send: Send = signal.pidfd_send_signal,
    ) -> None:
        self._root = str(root)
        self._open_pidfd = open_pidfd
        self._send = send

    def of(self, containers: Collection[str]) -> dict[str, list[int]]:
        """Return the pids of each container that has any alive, in one pass over all processes."""
        found: dict[str, list[int]] = {}
        wanted = frozenset(containers)
        for name in os.listdir(self._root):
            if name.isdecimal():
                for container in self._containers_of(int(name)) & wanted:
                    if self._is_alive(int(name)):
                        found.setdefault(container, []).append(int(name))
        return found

    def first_of(self, pids: Collection[int]) -> list[int]:
        """
        Return those of a container's processes that get its stop signal: the init of its PID namespace. If it has none
        of its own (but the host's, or another container's), those whose parent is outside.
        """
        depths = {pid: depth for pid in pids if (depth := self._depth_as_init(pid))}
        if depths:
            return [pid for pid, depth in depths.items() if depth == min(depths.values())]
        return [pid for pid in pids if self._parent(pid) not in pids]

    def signal(self, pid: int, container: str, number: int) -> bool:
        """
        Send a signal; return whether the process got it. If not, it is gone or not the container's. Note [Nobody else
        is hit].

        :raises PermissionError: this user may not signal it.
        """
        try:
            descriptor = self._open_pidfd(pid)
        except ProcessLookupError:
            return False
        try:
            if container not in self._containers_of(pid):
                return False
            self._send(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _containers_of(self, pid: int) -> frozenset[str]:
        return frozenset(_CONTAINER.findall(self._read(pid, "cgroup")))

    def _is_alive(self, pid: int) -> bool:
        """
        Return whether it is alive. A zombie is dead, unless only its first thread is; its parent's duties are not ours.
        """
        # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        fields = self._read(pid, "stat").rpartition(")")[2].split()
        return len(fields) > 17 and (fields[0] not in "ZX" or int(fields[17]) > 1)

    def _depth_as_init(self, pid: int) -> int:
        """Return how many PID namespaces deep this process is an init, 0 if it is none."""
        numbers = self._status(pid, "NSpid")
        return len(numbers) if len(numbers) > 1 and numbers[-1] == "1" else 0

    def _parent(self, pid: int) -> int:
        return next((int(number) for number in self._status(pid, "PPid")), 0)

    def _status(self, pid: int, name: str) -> list[str]:
        lines = self._read(pid, "status").splitlines()
        return next((line.split()[1:] for line in lines if line.startswith(f"{name}:")), [])

    def _read(self, pid: int, name: str) -> str:
        """Return the content of one file about a process; "" when the process is gone."""
        try:
            descriptor = os.open(f"{self._root}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            return b"".join(_chunks(descriptor)).decode("utf-8", "replace")
        except OSError:
            return ""
        finally:
            os.close(descriptor)


def _chunks(descriptor: int) -> Iterator[bytes]:
    left = _LONGEST
    while left > 0 and (chunk := os.read(descriptor, left)):
        left -= len(chunk)
        yield chunk
