# -*- test-case-name: tests.unit.cli.commands.test_secret -*-
"""Secrets: the part of each that everybody may know."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Table

COLUMNS: tuple[Column, ...] = (
    ("SECRET", lambda row: row["Name"]),
    ("REVISION", lambda row: str(row["Revision"] or "unreadable")),
    ("BYTES", lambda row: str(row["Size"])),
    ("TIME", lambda row: moment(row["Time"])),
    ("BY", lambda row: row["By"]),
    ("KEY", lambda row: row["Key"]),
)

_UNREADABLE = SecretRecord(0, "", 0, "")


def secret_table(secrets: Mapping[str, SecretRecord | None]) -> Table:
    """Return the secrets by name; None is one that this version cannot read."""
    return Table([_row(name, record or _UNREADABLE) for name, record in sorted(secrets.items())], COLUMNS)


def _row(name: str, record: SecretRecord) -> dict[str, object]:
    return {
        "Name": name,
        "Revision": record.revision,
        "Size": record.size,
        "Time": record.time,
        "By": record.by,
        "Key": record.key,
    }
