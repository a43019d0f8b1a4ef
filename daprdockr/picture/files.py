# -*- test-case-name: tests.unit.cli.commands.test_file -*-
"""Files for containers: the record of each, without the content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daprdockr.model.stored.files import FileRecord
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Table

COLUMNS: tuple[Column, ...] = (
    ("FILE", lambda row: row["Name"]),
    ("REVISION", lambda row: str(row["Revision"] or ("unreadable" if row["Set"] else "not set"))),
    ("BYTES", lambda row: str(row["Size"])),
    ("TIME", lambda row: moment(row["Time"])),
    ("BY", lambda row: row["By"]),
    ("USERS", lambda row: ",".join(row["Users"])),
)

_NONE = FileRecord(0, "", 0)


def file_table(files: Mapping[str, FileRecord | None], users: Mapping[str, Sequence[str]]) -> Table:
    """
    Return the files by name; None is one that this version cannot read.

    :param users: by file, the services that use it; a file that is not set may have some too.
    """
    names = sorted({*files, *users})
    rows = [_row(name, name in files, files.get(name) or _NONE, users.get(name, ())) for name in names]
    return Table(rows, COLUMNS)


def _row(name: str, there: bool, record: FileRecord, users: Sequence[str]) -> dict[str, object]:
    return {
        "Name": name,
        "Set": there,
        "Revision": record.revision,
        "Size": record.size,
        "Time": record.time,
        "By": record.by,
        "Users": list(users),
    }
