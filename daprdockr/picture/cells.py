# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Single values in the form of a cell for people."""

from __future__ import annotations

from datetime import UTC, datetime

from daprdockr.picture.table import Row

_MOST_HOST_NAMES = 4


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def published(port: Row) -> str:
    """Return a port of a container, and the host's port that leads to it."""
    return f"{port['Host']}->{port['Container']}/{port['Protocol']}"


def host_names(service: Row) -> tuple[str, ...]:
    """Return some host names of a service, and how many more it has, which may be thousands."""
    names = service["HostNames"]
    more = len(names) - _MOST_HOST_NAMES
    return (*names[:_MOST_HOST_NAMES], *([f"and {more} more"] if more > 0 else ()))


def moment(seconds: float) -> str:
    """Return a time in UTC, by the node's own clock. No age: that would compare the clocks of two hosts."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds else ""
    except (ValueError, OverflowError):
        return ""


def size(number: int) -> str:
    """Return a number of bytes."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number / 2**10:.0f} KiB"
