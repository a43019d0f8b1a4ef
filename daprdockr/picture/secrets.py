# -*- test-case-name: tests.unit.cli.commands.test_secret -*-
"""Secrets: the part of each that everybody may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Table

COLUMNS: tuple[Column, ...] = (
    ("SECRET", lambda row: row["Name"]),
    ("REVISION", lambda row: str(row["Revision"] or ("unreadable" if row["Set"] else "not set"))),
    ("BYTES", lambda row: str(row["Size"])),
    ("TIME", lambda row: moment(row["Time"])),
    ("BY", lambda row: row["By"]),
    ("KEY", lambda row: row["Key"]),
    ("USERS", lambda row: ",".join(row["Users"])),
)

_UNREADABLE, _MISSING = SecretRecord(0, "", 0, ""), SecretRecord(0, "", 0, "")


def secret_table(secrets: Mapping[str, SecretRecord | None], users: Mapping[str, Sequence[str]]) -> Table:
    """
    Return the secrets by name; None is one that this version cannot read.

    :param users: by secret, the services that use it; a secret that is not set may have some too.
    """
    missing = [_row(name, _MISSING, users[name]) for name in users if name not in secrets]
    there = [_row(name, record or _UNREADABLE, users.get(name, ())) for name, record in secrets.items()]
    return Table(sorted([*there, *missing], key=lambda row: str(row["Name"])), COLUMNS)


def _row(name: str, record: SecretRecord, users: Sequence[str]) -> dict[str, object]:
    return {
        "Name": name,
        "Set": record is not _MISSING,
        "Revision": record.revision,
        "Size": record.size,
        "Time": record.time,
        "By": record.by,
        "Key": record.key,
        "Users": list(users),
    }
