"""
The ``Container`` part of a definition: what to run, as the Docker Engine's own fields.

``engine_fields`` says which fields there are; this module knows what daprdockr itself needs to know of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.reading import record
from daprdockr.model.wanted.engine_fields import CONFIG_FIELDS, HOST_FIELDS
from daprdockr.model.wanted.privileges import needed


@frozen
class Container:
    """
    What to run, as the fields a person gave, checked. ``fields`` is never changed after creation.

    The Engine's two places for a field, the top level and ``HostConfig``, are one here; ``HostConfig`` is read too.
    """

    fields: Mapping[str, Any] = field(repr=True)

    @classmethod
    def read(cls, value: object, path: str = "Container") -> Container:
        """:raises BadInput: naming the field that cannot be used."""
        given = record(value, path, {**CONFIG_FIELDS, **HOST_FIELDS, "HostConfig": _host_config})
        host = given.pop("HostConfig", {})
        for name in host:
            if name in given:
                raise BadInput(f"{path}.{name} is given twice, once inside HostConfig")
        fields = {**given, **host}
        if "Image" not in fields:
            raise BadInput(f"{path}.Image is missing: name the image to run")
        return cls(fields=dict(sorted(fields.items())))

    @property
    def image(self) -> str:
        return str(self.fields["Image"])

    @cached_property
    def memory(self) -> int:
        """The bytes that an instance states to need; 0: nothing stated."""
        return max(0, int(self.fields.get("MemoryReservation") or self.fields.get("Memory") or 0))

    @cached_property
    def cpus(self) -> float:
        """The processors that an instance states to need, as ``docker run --cpus`` counts; 0: nothing stated."""
        nano, quota, period = (int(self.fields.get(key) or 0) for key in ("NanoCpus", "CpuQuota", "CpuPeriod"))
        return max(0, nano) / 1e9 or max(0, quota) / (period if period > 0 else 100_000)

    @cached_property
    def privileges(self) -> frozenset[str]:
        """What it asks of a host beyond an ordinary container, as ``model.wanted.privileges`` names it."""
        return needed(self.fields)

    @property
    def exposed(self) -> tuple[Port, ...]:
        """The ports declared in ``ExposedPorts``."""
        pairs = (item.split("/") for item in self.fields.get("ExposedPorts", ()))
        return tuple(Port(container=int(number), protocol=protocol) for number, protocol in pairs)


def _host_config(value: object, path: str) -> dict[str, Any]:
    return record(value, path, HOST_FIELDS)
