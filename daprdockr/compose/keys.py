# -*- test-case-name: tests.unit.compose.test_keys -*-
"""
All keys of the Compose specification, and what becomes of each.

``python -m daprdockr.compose.reference docs/reference/compose.rst`` writes the tables of that page from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache

from attrs import frozen

from daprdockr.compose.key_table import LEFT_OUT, MAPPED, REFUSED, SUPPORTED


class Carried(Enum):
    """Whether a definition has a key, and how."""

    SUPPORTED = "supported"
    MAPPED = "mapped"
    LEFT_OUT = "left out"
    REFUSED = "refused"


@frozen
class Key:
    """
    :ivar how: where it goes; of one that is not carried over the reason, and what to do.
    """

    carried: Carried
    how: str = ""

    @property
    def spoken(self) -> str:
        """``how`` for a terminal."""
        return self.how.replace("``", "")


def _all(carried: Carried, text: str) -> dict[str, Key]:
    """Read lines of ``key | how``."""
    found = {}
    for line in text.strip().splitlines():
        name, _, how = line.partition("|")
        found[name.strip()] = Key(carried, how.strip())
    return found


KEYS: Mapping[str, Key] = {
    **_all(Carried.SUPPORTED, SUPPORTED),
    **_all(Carried.MAPPED, MAPPED),
    **_all(Carried.LEFT_OUT, LEFT_OUT),
    **_all(Carried.REFUSED, REFUSED),
}
"""The keys by their paths: ``*`` is a name of the file's own, ``[]`` an item of a list."""

_INSIDE = (
    "services.*.deploy",
    "services.*.deploy.placement",
    "services.*.deploy.resources",
    "services.*.deploy.resources.limits",
    "services.*.deploy.resources.reservations",
    "services.*.deploy.restart_policy",
    "services.*.deploy.update_config",
    "services.*.blkio_config",
    "services.*.logging",
    "services.*.volumes[].bind",
    "services.*.volumes[].tmpfs",
    "services.*.volumes[].volume",
)
"""Keys that only hold others."""

_NAMES = (
    *(f"{part}.*" for part in ("services", "volumes", "networks", "configs", "secrets")),
    *("services.*.depends_on.*", "services.*.networks.*", "services.*.ulimits.*"),
)
"""Names of a file's own, below which there are keys."""

WHOLE = (
    *("services.*.build", "services.*.develop", "services.*.models", "services.*.credential_spec"),
    *(
        "services.*.provider",
        "services.*.post_start",
        "services.*.pre_start",
        "services.*.pre_stop",
        "services.*.deploy.rollback_config",
    ),
    *("services.*.deploy.placement.preferences", "services.*.volumes[].image", "networks.*.ipam", "models", "jobs"),
    *("services.*.deploy.resources.reservations.generic_resources",),
    *(f"services.*.blkio_config.device_{way}_{unit}" for way in ("read", "write") for unit in ("bps", "iops")),
    "services.*.blkio_config.weight_device",
)
"""Keys that stand for all that lies in them."""


@cache
def inside(path: str) -> tuple[str, ...]:
    """Return the names of the keys that may stand directly in this one."""
    start = f"{path}." if path else ""
    found: dict[str, None] = {}
    for one in (*KEYS, *_INSIDE, *_NAMES):
        rest = one.removeprefix(start)
        if one.startswith(start) and rest and not any(mark in rest for mark in ".["):
            found[rest] = None
    return tuple(found)
