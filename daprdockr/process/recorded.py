# -*- test-case-name: tests.unit.process.test_supervised,tests.functional.test_process_supervised -*-
"""
The record of a program's process on disk, by which the next agent finds and adopts it.

Note [Adoption]
    An agent that was killed leaves its children running, and the pidfile. The next agent opens a pidfd first
    and compares the record afterwards: if the pid went to a stranger before the open, the comparison shows it,
    and after the open the pidfd can mean no other process. Workers whose master died meanwhile would keep its port,
    so they are killed before a new one starts; for the same reason the group is killed when the leader ends. If the
    pidfile was lost, or could not be written on a full disk, all command lines are searched instead.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import define
from twisted.logger import Logger

from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable, Record

_UNKNOWN = "it has ended, or cannot be identified"
"""The failure that is not logged: as a rule the process has ended, and that is logged soon."""


@define(kw_only=True, eq=False)
class RecordedProcess:
    """
    Which process is ours, in the pidfile at ``path``.

    :ivar identity: a string that only our process has in its command line.
    """

    log = Logger()

    name: str
    path: Path
    identity: str
    table: ProcessTable
    _failure: str = ""

    def adopt(self, program: str) -> tuple[int, int] | None:
        """
        Return pid and pidfd of the process that an earlier agent left running, or None after killing what is left of
        one that ended. See Note [Adoption].

        :param program: the path of the executable.
        """
        record = PidFile(self.path).read()
        adopted = self._open(record) or self._open(self.table.find(self.identity, program))
        if adopted is None and record is not None:
            for pid in self.table.orphans(record, program):
                self.log.warn("{name} left pid {pid} behind, which is killed", name=self.name, pid=pid)
                self.table.kill(pid)
        return adopted

    def _open(self, record: Record | None) -> tuple[int, int] | None:
        """Return pid and pidfd of the process of this record if it is ours and lives."""
        if record is None:
            return None
        try:
            descriptor = self.table.open(record.pid)
        except OSError:
            return None
        if not self.table.lives(record, self.identity):
            os.close(descriptor)
            return None
        return record.pid, descriptor

    def write(self, pid: int) -> None:
        """
        Write the pidfile. A full disk, or a host without a descriptor left, costs no process: the failure is logged
        once, and ``retry`` tries again.
        """
        try:
            record = self.table.identify(pid)
            if record is not None:
                PidFile(self.path).write(record)
        except OSError as error:
            if self._failure in ("", _UNKNOWN):
                text = "{name} is not recorded in {path}: {reason}"
                self.log.warn(text, name=self.name, path=str(self.path), reason=error)
            self._failure = str(error)
        else:
            self._failure = "" if record is not None else _UNKNOWN

    def retry(self, pid: int | None) -> None:
        """Write the pidfile again if the last attempt failed; None: there is no process any more."""
        if pid is None:
            self._failure = ""
        elif self._failure:
            self.write(pid)

    def remove(self) -> None:
        """Remove the pidfile."""
        PidFile(self.path).remove()
