"""
A machine as far as processes, mounts, network and host name go: Linux namespaces that live by a pipe.

Note [A machine hangs on a pipe]
    The first process of a machine reads a pipe that we hold, and ends when the pipe does. When the first process of a
    pid namespace ends the kernel kills all others in it, containers too, and what they mounted and the network they
    had go with them. So nothing has to be found and taken down, and our own death, in whatever way, takes the machine
    with us.

Note [What is not a machine of its own]
    Kernel, disk and wall clock are shared. A power cut loses no write, flushed or not; and no namespace can set the
    wall clock (time namespaces shift the monotonic one alone, and only before their first process).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.rig.docker_engine import until

# The old /proc shows the number that the first process has outside. Sockets and pids in /run are gone after a power
# cut, as on any machine; dockerd keeps a key of its own in /etc/docker.
FIRST = """
set -e
read -r pid rest </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p /etc/docker
mount -t tmpfs -o mode=755 docker /etc/docker
hostname "$1"
ip link set lo up
echo "$pid"
exec >/dev/null
cat
:"""


INSIDE = ("--mount", "--net", "--uts", "--ipc", "--pid")
"""Options of nsenter: all namespaces of a machine."""


class Machine:
    """:param lock: a file descriptor that stays open for as long as anything of the machine lives."""

    def __init__(self, name: str, lock: int) -> None:
        self.name = name
        self.pid = 0
        self._lock = lock
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_on(self) -> bool:
        return self._process is not None

    def boot(self) -> None:
        namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--net", "--uts", "--ipc"]
        self._process = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", FIRST, "sh", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=[self._lock],
        )
        assert self._process.stdout is not None
        pid = self._process.stdout.readline()
        assert pid, f"{self.name} could not be made: namespaces need root"
        self.pid = int(pid)

    def pull_plug(self) -> None:
        """End everything at once; a no-op when it is off."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def cut_power(self) -> None:
        """The same, and wait until it is gone."""
        self.pull_plug()
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.wait()

    def run(self, *command: str, stdin: str = "", inside: Sequence[str] = ("--net",)) -> str:
        """Run a command in its network, or in more namespaces of it; it must succeed; what it prints."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", *inside, *command], input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{self.name}: {' '.join(command)}: {done.stderr}"
        return done.stdout

    def spawn(self, command: Sequence[str], log: Path) -> None:
        """Leave a command running on the machine: its first process inherits it."""
        with log.open("ab") as output:
            subprocess.run(
                ["nsenter", f"--target={self.pid}", *INSIDE, "setsid", "--fork", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=True,
            )

    def pids(self, program: str) -> list[int]:
        """The processes of this name that live, or whose title begins so; not those in its containers."""
        return [pid for pid in self._living() if _is(pid, program)]

    def signal(self, program: str, number: int) -> list[int]:
        """Signal all processes of this name; which they were."""
        pids = self.pids(program)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def kill(self, program: str) -> None:
        """KILL all processes of this name and wait until they are gone."""
        killed = self.signal(program, signal.SIGKILL)
        until(lambda: not set(killed).intersection(self.pids(program)))

    def _living(self) -> Iterator[int]:
        if not self.is_on:
            return
        own = os.readlink(f"/proc/{self.pid}/ns/pid")
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(directory / "ns/pid") == own:
                    yield int(directory.name)


def _is(pid: int, program: str) -> bool:
    """A zombie, which still has a name, is none."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return False
    return rest.split()[0] not in "ZX" and (name == program or title.startswith(program))
