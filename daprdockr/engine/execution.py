"""
A command run inside a container with a timeout.

Note [An overdue command is killed by us]
    The Docker API can start a command in a running container but not end it: a client that disconnects leaves it
    running, and a health check that hangs would leave one more process behind at each attempt. The Engine reports the
    command's process id as the host sees it; if the Engine is on this host and that process really is in the
    container's cgroup, we kill it and its descendants, as far as they are in that cgroup too: a shell that waits for a
    command would leave it behind. One that is stopped starts no other, and stays the parent of those it has started; so
    they are stopped until no more are found, and killed then. SIGSTOP is pending before it takes effect, and a process
    that is starting another one completes that first: each is waited for until it stands still. With an Engine
    elsewhere the number means nothing here, the cgroup does not match, and the command is left alone.

Note [Who holds the output]
    Processes that a command left behind hold its output, which the Engine then ends late or never. So a command whose
    output has not ended in time is overdue only if the Engine knows no exit status of it.
"""

from __future__ import annotations

import math
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from ssl import SSLWantReadError
from time import sleep
from typing import Any

from docker import APIClient

from daprdockr.engine.output import OutputEnd
from daprdockr.model.errors import EngineUnavailable
from daprdockr.model.host import Executed

OVERDUE = 124
"""The exit status that timeout(1) gives a command that took too long."""

_CHUNK = 65536
_QUICK = 16
"""
Pieces of output that are read as fast as they come. A command that writes endlessly gets no whole processor of ours.
"""
_PAUSE = 0.01
_SETTLE_SECONDS = 1.0
_SETTLE_STEP = 0.01
_ENGINE_SECONDS = 5.0
_LATE_STEP = 0.1
_STILL_SECONDS = 1.0
_STILL_STEP = 0.002
_STILL = frozenset("TtZX")
"""The states of proc_pid_stat(5) in which nothing runs: stopped, stopped by a tracer, and ended."""


def execute(
    client: APIClient, container: str, command: Sequence[str], timeout: float, clock: Callable[[], float]
) -> Executed:
    """
    Return the command's exit status, or OVERDUE, and the end of its output.

    :param timeout: seconds from the start of the command; every other request to the Engine gets as long, but at least
        ``_ENGINE_SECONDS``, so that an Engine that hangs blocks no thread for long.
    :raises: the exceptions of docker-py.
    """
    with _within(client, max(timeout, _ENGINE_SECONDS)):
        execution = client.exec_create(container, list(command))["Id"]
        # It ends with the call: Note [Open files] in ``clients``.
        stream: Any = client.exec_start(execution, socket=True)
        # Without TLS docker-py returns the file object around the socket, with TLS the socket itself.
        connection, output = getattr(stream, "_sock", stream), OutputEnd()
        output.take(_came_with_head(stream, connection))
        if _drained(connection, output, clock() + timeout, clock):
            return Executed(_exit_status(client, execution, clock), output.kept)
        found = _begun(client, execution, clock)
        if found["ExitCode"] is not None:
            return Executed(int(found["ExitCode"]), output.kept)  # Note [Who holds the output]
        _kill(found, clock)
        return Executed(OVERDUE, output.kept)


@contextmanager
def _within(client: APIClient, seconds: float) -> Iterator[None]:
    """Set the timeout of each answer of the Engine; the client is this call's alone."""
    before, client.timeout = client.timeout, math.ceil(seconds)
    try:
        yield
    finally:
        client.timeout = before


def _came_with_head(stream: Any, connection: socket.socket) -> bytes:
    """
    Return the output that came in one piece with the head of the answer: it is in the buffer through which that was
    read, and docker-py gives the socket below it.
    """
    response = getattr(stream, "_response", None)
    if response is None:
        return b""
    connection.settimeout(0)  # where the buffer is empty this reads from the socket
    with suppress(SSLWantReadError):
        return bytes(response.raw._fp.fp.peek())
    return b""


def _drained(connection: socket.socket, output: OutputEnd, deadline: float, clock: Callable[[], float]) -> bool:
    """Return whether the output ended before the deadline."""
    pieces = 0
    with suppress(TimeoutError):
        while (left := deadline - clock()) > 0:
            connection.settimeout(left)
            received = connection.recv(_CHUNK)
            if not received:
                return True
            output.take(received)
            pieces += 1
            if pieces > _QUICK:
                sleep(_PAUSE)
    return False


def _begun(client: APIClient, execution: str, clock: Callable[[], float]) -> dict[str, Any]:
    """Return what the Engine knows of the command, once it has a process: a busy Engine may begin it after its time."""
    deadline = clock() + _ENGINE_SECONDS
    while True:
        found: dict[str, Any] = client.exec_inspect(execution)
        if found["ExitCode"] is not None or found.get("Pid") or clock() > deadline:
            return found
        sleep(_LATE_STEP)


def _exit_status(client: APIClient, execution: str, clock: Callable[[], float]) -> int:
    """Return the exit status; the Engine may report the end of the output a moment before it knows the status."""
    deadline = clock() + _SETTLE_SECONDS
    while (status := client.exec_inspect(execution)["ExitCode"]) is None:
        if clock() > deadline:
            raise EngineUnavailable("the Docker Engine did not report the exit status of a command that ended")
        sleep(_SETTLE_STEP)
    return int(status)


def _kill(execution: dict[str, Any], clock: Callable[[], float]) -> None:
    """See Note [An overdue command is killed by us]."""
    process: int = execution.get("Pid") or 0
    if not process:
        return
    stopped: set[int] = set()
    while found := _family(process, execution["ContainerID"]) - stopped:
        stopped |= found
        _send(signal.SIGSTOP, found)
        _stand_still(found, clock() + _STILL_SECONDS, clock)
    _send(signal.SIGKILL, stopped & _family(process, execution["ContainerID"]))


def _send(number: signal.Signals, processes: set[int]) -> None:
    for one in processes:
        with suppress(OSError):
            os.kill(one, number)


def _stand_still(processes: set[int], deadline: float, clock: Callable[[], float]) -> None:
    """Wait until no thread of these runs any more, or the time is over: one may hang in the kernel."""
    while any(not _states(one) <= _STILL for one in processes) and clock() < deadline:
        sleep(_STILL_STEP)


def _states(process: int) -> set[str]:
    """Return the states of its threads, each as one letter; none when it has ended."""
    found = set()
    for path in Path(f"/proc/{process}/task").glob("*/stat"):
        with suppress(OSError, IndexError):
            found.add(path.read_text(errors="replace").rpartition(")")[2].split()[0])
    return found


def _family(process: int, container: str) -> set[int]:
    """Return those of a process and all that descend from it that are in the container's cgroup."""
    children, found = _children(), set()
    family = [process]
    for one in family:
        family += children.get(one, ())
        with suppress(OSError):
            if container in Path(f"/proc/{one}/cgroup").read_text():
                found.add(one)
    return found


def _children() -> dict[int, list[int]]:
    """Return the processes of this host by their parent, proc_pid_stat(5)."""
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(path.parent.name))
    return found
