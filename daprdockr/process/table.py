"""The kernel's table of processes: the identity of a pid, the rest of a session, and signals (proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

from attrs import define, frozen


@frozen
class Record:
    """
    One process, identified permanently: its pid, its start in clock ticks since boot, and the id of that boot.

    A pid alone is no identity: the kernel gives it to another process after this one.
    """

    pid: int
    started: int
    boot: str


@frozen
class _Stat:
    """The fields of /proc/<pid>/stat that we use."""

    state: str
    group: int
    session: int
    started: int


@define
class ProcessTable:
    """Reads below ``root``; tests hand in a directory of their own."""

    root: Path = Path("/proc")

    def identify(self, pid: int) -> Record | None:
        """Return the record of a process that lives now; None when there is none (a zombie does not live)."""
        stat = self._stat(pid)
        if stat is None or stat.state in "ZX":
            return None
        return Record(pid=pid, started=stat.started, boot=self._boot())

    def lives(self, record: Record, identity: str) -> bool:
        """Return whether that very process lives, and its command line still holds ``identity``."""
        return self.identify(record.pid) == record and identity in self._command_line(record.pid)

    def has_any(self, pid: int, words: Collection[str]) -> bool:
        """Return whether one of these is a whole word of the command line."""
        line = f" {self._command_line(pid)} "
        return any(f" {word} " in line for word in words)

    def find(self, identity: str, program: str) -> Record | None:
        """
        Return the process that leads a session, runs ``program``, and has ``identity`` as whole words of its command
        line: one that we started and that has no record.
        """
        for pid in self._pids():
            stat = self._stat(pid)
            leads = stat is not None and stat.session == pid and self._executable(pid) == program
            if leads and f" {identity.strip()} " in f" {self._command_line(pid)} ":
                return self.identify(pid)
        return None

    def orphans(self, record: Record, program: str) -> tuple[int, ...]:
        """
        Return the pids left in the session that the dead process of ``record`` led, of those that run ``program``.

        Without its leader a session keeps its number, but so does the session of any process that got the pid since;
        the path of the executable distinguishes them. A leader that is dead and was not waited for yet is gone.
        """
        leader = self._stat(record.pid)
        is_gone = leader is None or (leader.state in "ZX" and leader.started == record.started)
        if record.boot != self._boot() or not is_gone:
            return ()
        return tuple(
            pid
            for pid in self._pids()
            if (stat := self._stat(pid)) is not None
            and pid != record.pid
            and stat.group == stat.session == record.pid
            and stat.started >= record.started
            and self._executable(pid) == program
        )

    def open(self, pid: int) -> int:
        """Return a pidfd (pidfd_open(2)) of a process. :raises ProcessLookupError: there is none."""
        return os.pidfd_open(pid)

    def kill(self, pid: int) -> None:
        """KILL one process; a no-op when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_group(self, pid: int) -> None:
        """KILL the process group that ``pid`` leads or led; a no-op when nobody is in it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def _pids(self) -> Iterator[int]:
        return (int(entry.name) for entry in self.root.iterdir() if entry.name.isdecimal())

    def _boot(self) -> str:
        return (self.root / "sys/kernel/random/boot_id").read_text("ascii").strip()

    def _stat(self, pid: int) -> _Stat | None:
        try:
            text = (self.root / str(pid) / "stat").read_text("ascii", "replace")
        except OSError:
            return None
        # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        fields = text.rpartition(")")[2].split()
        return _Stat(state=fields[0], group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))

    def _command_line(self, pid: int) -> str:
        try:
            return (self.root / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""

    def _executable(self, pid: int) -> str:
        try:
            return os.readlink(self.root / str(pid) / "exe").removesuffix(" (deleted)")
        except OSError:
            return ""
