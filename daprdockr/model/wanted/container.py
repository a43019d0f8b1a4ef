"""
The ``Container`` part of a definition: what to run, as the Docker Engine's own fields.

``engine_fields`` lists the fields; this module reads those that daprdockr itself depends on.
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
from daprdockr.model.wanted.kept_volumes import kept_volumes
from daprdockr.model.wanted.privileges import named_volumes, needed


@frozen
class Container:
    """
    The fields as a person gave them, checked. ``fields`` is never changed after creation.

    The Engine has two places for a field, the top level and ``HostConfig``. Here they are one; ``HostConfig`` is read
    too.
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
        """The bytes that an instance says it needs; 0: not stated."""
        return max(0, int(self.fields.get("MemoryReservation") or self.fields.get("Memory") or 0))

    @cached_property
    def cpus(self) -> float:
        """The processors that an instance says it needs, counted as ``docker run --cpus`` does; 0: not stated."""
        nano, quota, period = (int(self.fields.get(key) or 0) for key in ("NanoCpus", "CpuQuota", "CpuPeriod"))
        return max(0, nano) / 1e9 or max(0, quota) / (period if period > 0 else 100_000)

    @cached_property
    def privileges(self) -> frozenset[str]:
        """The privileges it needs beyond those of an ordinary container, named as in ``model.wanted.privileges``."""
        return needed(self.fields)

    @property
    def named_volumes(self) -> list[str]:
        """The names of the volumes that it shares with other containers."""
        return named_volumes(self.fields)

    @cached_property
    def kept_volumes(self) -> tuple[str, ...]:
        """The named volumes whose data lies on the node's disk, and that keep an instance on its node."""
        return kept_volumes(self.fields)

    @property
    def exposed(self) -> tuple[Port, ...]:
        """The ports declared in ``ExposedPorts``."""
        pairs = (item.split("/") for item in self.fields.get("ExposedPorts", ()))
        return tuple(Port(container=int(number), protocol=protocol) for number, protocol in pairs)

    @cached_property
    def host_ports(self) -> tuple[Port, ...]:
        """The ports with the host ports that they have to get, as ``PortBindings`` fixes them."""
        bindings = self.fields.get("PortBindings", {}).items()
        pairs = ((key.split("/"), bound[0]["HostPort"]) for key, bound in bindings)
        return tuple(Port(int(number), protocol, int(host)) for (number, protocol), host in pairs)


def _host_config(value: object, path: str) -> dict[str, Any]:
    return record(value, path, HOST_FIELDS)
