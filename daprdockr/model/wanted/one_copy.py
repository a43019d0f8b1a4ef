"""Why the old copy of an instance has to stop before the new one starts, as its definition says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daprdockr.model.wanted.definition import Definition

_READ_ONLY = ("ro", "readonly")


def stops_first(definition: Definition) -> str:
    """Return the reason, for people; "" if both copies may run side by side for a while."""
    if definition.on_partition == "stop":
        return "with OnPartition: stop two copies never run"
    for port in definition.container.host_ports:
        return f"only one container can have host port {port.host}/{port.protocol}"
    fields = definition.container.fields
    for place in _shared(fields):
        return f"two copies would write to {place}"
    return "Update.Order is stop-first" if definition.update.order == "stop-first" else ""


def _shared(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the volumes and the directories of the host to which both copies could write."""
    for bind in (*fields.get("Binds", ()), *(one for one in fields.get("Volumes", ()) if ":" in one)):
        source, _, rest = bind.partition(":")
        options = rest.partition(":")[2].split(",")
        if not set(_READ_ONLY).intersection(options):
            yield source
    for mount in fields.get("Mounts", ()):
        given = {key.casefold(): value for key, value in mount.items()}
        if given.get("source") and given.get("type") != "image" and not given.get("readonly"):
            yield str(given["source"])
    for other in fields.get("VolumesFrom", ()):
        name, _, mode = other.partition(":")
        if mode not in _READ_ONLY:
            yield f"the volumes of {name}"
