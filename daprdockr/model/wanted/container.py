"""
The ``Container`` part of a definition: the Docker Engine's own container fields, by their API names.

The two tables are the whole of what is passed on (Docker Engine API v1.41, ``ContainerCreate``). A field that is
in neither is refused, because a setting that silently does nothing is worse than an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host import LABEL_PREFIX, Port
from daprdockr.model.names import shorten
from daprdockr.model.reading import (
    Check,
    anything,
    boolean,
    free_text,
    integer,
    list_of,
    map_of,
    port,
    record,
    text,
)
from daprdockr.model.wanted.privileges import needed

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}", re.ASCII)
_NUMBER: Check[int] = integer(-1, 2**63 - 1)
_TEXTS = list_of(free_text)
_OBJECTS = list_of(map_of(anything))


def image(value: object, path: str) -> str:
    """An image reference such as ``registry:5000/name:tag`` or ``name@sha256:…``."""
    if isinstance(value, str) and _IMAGE.fullmatch(value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write an image such as nginx:1.25")


def environment(value: object, path: str) -> list[str]:
    for index, item in enumerate(_TEXTS(value, path)):
        if not re.match(r"[^=]+=", item):
            raise BadInput(f"{path}[{index}]: {shorten(item)} is not usable, write NAME=value")
    return _TEXTS(value, path)


def exposed_ports(value: object, path: str) -> list[str]:
    """Ports as the API's object or as a list, each ``8080``, ``"8080"`` or ``"53/udp"``; gives sorted ``8080/tcp``."""
    items = list(value) if isinstance(value, dict) else list_of(anything)(value, path)
    ports = []
    for item in items:
        number, slash, protocol = str(item).partition("/")
        if slash and protocol not in ("tcp", "udp", "sctp"):
            raise BadInput(f"{path}: {shorten(item)} is not usable, write a port such as 8080/tcp or 53/udp")
        ports.append((port(number, path), protocol or "tcp"))
    return [f"{number}/{protocol}" for number, protocol in sorted(set(ports))]


def volumes(value: object, path: str) -> list[str]:
    """Volumes as the API's object (paths alone) or as a list of ``/path``, ``name:/path[:ro]`` or ``/host:/path``."""
    items = _TEXTS(sorted(value) if isinstance(value, dict) else value, path)
    for item in items:
        if not (item.split(":")[1:2] or [item])[0].startswith("/"):
            raise BadInput(f"{path}: {shorten(item)} is not usable, write /path, name:/path or /host:/path")
    return items


def labels(value: object, path: str) -> dict[str, str]:
    found = map_of(free_text)(value, path)
    for key in found:
        if key.startswith(LABEL_PREFIX):
            raise BadInput(f"{path}: labels that start with {LABEL_PREFIX} are daprdockr's own, choose another")
    return found


def network_mode(value: object, path: str) -> str:
    mode = text(value, path)
    if mode in ("host", "none") or mode.startswith("container:"):
        raise BadInput(f"{path}: {shorten(mode)} is not usable, because ports are published: name a bridge network")
    return mode


CONFIG_FIELDS: Mapping[str, Check[Any]] = {
    "Image": image,
    "Cmd": _TEXTS,
    "Entrypoint": _TEXTS,
    "Env": environment,
    "User": text,
    "WorkingDir": text,
    "Hostname": text,
    "Domainname": text,
    "ExposedPorts": exposed_ports,
    "Labels": labels,
    "StopSignal": text,
    "Healthcheck": map_of(anything),
    "Tty": boolean,
    "OpenStdin": boolean,
    "Volumes": volumes,
}

HOST_FIELDS: Mapping[str, Check[Any]] = {
    **dict.fromkeys(
        (
            "Memory",
            "MemorySwap",
            "MemoryReservation",
            "MemorySwappiness",
            "CpuShares",
            "NanoCpus",
            "CpuPeriod",
            "CpuQuota",
            "PidsLimit",
            "BlkioWeight",
            "ShmSize",
        ),
        _NUMBER,
    ),
    **dict.fromkeys(("Privileged", "ReadonlyRootfs", "Init", "OomKillDisable"), boolean),
    **dict.fromkeys(
        (
            "Binds",
            "CapAdd",
            "CapDrop",
            "SecurityOpt",
            "DeviceCgroupRules",
            "VolumesFrom",
            "Dns",
            "DnsOptions",
            "DnsSearch",
            "ExtraHosts",
            "GroupAdd",
        ),
        _TEXTS,
    ),
    **dict.fromkeys(("Mounts", "Devices", "DeviceRequests", "Ulimits"), _OBJECTS),
    **dict.fromkeys(("Tmpfs", "Sysctls", "StorageOpt"), map_of(free_text)),
    **dict.fromkeys(
        (
            "CpusetCpus",
            "CpusetMems",
            "VolumeDriver",
            "IpcMode",
            "PidMode",
            "UTSMode",
            "UsernsMode",
            "CgroupnsMode",
            "CgroupParent",
            "Runtime",
        ),
        text,
    ),
    "OomScoreAdj": integer(-1000, 1000),
    "LogConfig": map_of(anything),
    "NetworkMode": network_mode,
}

_FIELDS: Mapping[str, Check[Any]] = {**CONFIG_FIELDS, **HOST_FIELDS}


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
        given = record(value, path, {**_FIELDS, "HostConfig": _host_config})
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
