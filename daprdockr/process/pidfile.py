"""The file that remembers which process is ours while no agent lives."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from attrs import asdict, frozen

from daprdockr.process.table import Record
from daprdockr.process.whole import write_whole


@frozen
class PidFile:
    """One record in one small JSON file."""

    path: Path

    def write(self, record: Record) -> None:
        """Write whole or not at all, so that a reader never meets half a record."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(asdict(record)).encode("ascii"), synced=False)

    def read(self) -> Record | None:
        """The record; None when there is none, or what is there is not one."""
        try:
            fields = json.loads(self.path.read_text("ascii"))
            return Record(pid=int(fields["pid"]), started=int(fields["started"]), boot=str(fields["boot"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
