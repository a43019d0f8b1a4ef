"""The named volumes of a container whose data lies on the disk of its node, as its definition says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def kept_volumes(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return their names, sorted.

    A directory of the host is none, nor is a volume without a name; and a volume of another driver than ``local``, or
    one whose options name a file system, has its data elsewhere.
    """
    found = set(_mounted(fields.get("Mounts", ())))
    if (fields.get("VolumeDriver") or "local") == "local":
        binds = (*fields.get("Binds", ()), *(one for one in fields.get("Volumes", ()) if ":" in one))
        found.update(bind.partition(":")[0] for bind in binds)
    return tuple(sorted(name for name in found if name and "/" not in name))


def _mounted(mounts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for mount in mounts:
        given = _folded(mount)
        driver = _folded(_folded(given.get("volumeoptions")).get("driverconfig"))
        local = (driver.get("name") or "local") == "local" and not driver.get("options")
        if given.get("type") == "volume" and local and isinstance(given.get("source"), str):
            yield given["source"]


def _folded(members: object) -> dict[str, Any]:
    """Return the members as the Engine reads them, without regard to case; none of what is no object."""
    return {key.casefold(): value for key, value in members.items()} if isinstance(members, Mapping) else {}
