# -*- test-case-name: tests.unit.picture.test_etcd_room -*-
"""The room in etcd: one line for people, and the same for programs."""

from __future__ import annotations

from daprdockr.model.etcd_look import KnownRoom
from daprdockr.picture.cells import moment, size
from daprdockr.picture.table import Row


def room_line(known: KnownRoom) -> str:
    """Return the line."""
    look = known.look
    of = f" of {size(look.quota)}" if look.quota else ""
    answer = f"{len(look.statuses)} of {len(look.voters)} members answer"
    parts = [answer, f"its database has {size(look.largest)}{of}", _compacted(known), *known.troubles]
    return f"etcd: {', '.join(filter(None, parts))}"


def room_row(known: KnownRoom) -> Row:
    """Return the form for programs."""
    look = known.look
    return {
        "Time": known.time,
        "Members": len(look.voters),
        "Answering": len(look.statuses),
        "Size": look.largest,
        "Quota": look.quota,
        "Full": bool(look.full),
        "Corrupt": look.corrupt,
        "Compacted": look.compacted,
        "CompactedTime": known.compacted_at,
    }


def _compacted(known: KnownRoom) -> str:
    if not known.look.compacted:
        return ""
    at = f" at {moment(known.compacted_at)}" if known.compacted_at else ""
    return f"compacted{at} up to revision {known.look.compacted}"
