# -*- test-case-name: tests.unit.cli.commands.test_invite -*-
"""Invitations: who made each, and where hosts may join by it; never the token."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.stored.token import TokenRecord
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Table

SHOWN = 12
"""The digits of a digest that stand for it."""

COLUMNS: tuple[Column, ...] = (
    ("ID", lambda row: row["Id"]),
    ("NODE", lambda row: row["Node"]),
    ("TIME", lambda row: moment(row["Time"])),
    ("BY", lambda row: row["By"]),
)


def invitation_table(invitations: Mapping[str, TokenRecord]) -> Table:
    """Return the invitations by digest, the oldest first."""
    rows = [
        {"Id": digest[:SHOWN], "Node": record.node, "Time": record.time, "By": record.by}
        for digest, record in sorted(invitations.items(), key=lambda item: (item[1].time, item[0]))
    ]
    return Table(rows, COLUMNS)
