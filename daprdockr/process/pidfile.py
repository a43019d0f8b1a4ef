"""The file that records which process is ours while no agent runs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from attrs import asdict, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.reading import integer, parse_json, text
from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import private_directory, read_kept
from daprdockr.process.table import Record

_LONGEST = 4096
_PID = integer(1, 2**22)
_TICKS = integer(0, 2**63)


@frozen
class PidFile:
    """One record in one small JSON file."""

    path: Path

    def write(self, record: Record) -> None:
        """Write the record atomically, so that a reader never finds half of it."""
        private_directory(self.path.parent)
        replace_file(self.path, json.dumps(asdict(record)).encode("ascii"), synced=False)

    def read(self) -> Record | None:
        """Return the record; None when there is none, or the content is not one."""
        return read_kept(self.path, _LONGEST, _record)

    def remove(self) -> None:
        """Remove the record. One that stays does no harm: it names a process that has ended."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def _record(content: bytes) -> Record:
    kept = parse_json(content)
    if not isinstance(kept, dict):
        raise BadInput("it is no object")
    return Record(
        pid=_PID(kept.get("pid"), "pid"),
        started=_TICKS(kept.get("started"), "started"),
        boot=text(kept.get("boot"), "boot"),
    )
