# -*- test-case-name: tests.unit.model.wanted.test_container -*-
"""
The Docker Engine's own container fields that a definition may use, by their API names, each with its check.

``CONFIG_FIELDS`` and ``HOST_FIELDS`` are all that is passed on (Docker Engine API v1.41, ``ContainerCreate``). A field
that is in neither is refused, because a setting that silently does nothing is worse than an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.host import LABEL_PREFIX
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
    refuse_more,
    text,
)

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:localhost|(?=[^/]*[.:])[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:{_REGISTRY}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::\w[\w.-]{{0,127}})?(?:@[a-z0-9]+:[0-9a-f]{{32,128}})?",
    re.ASCII,
)
"""A reference as registries and the Engine read it: only the host of a registry, and a tag, may be in upper case."""

_LONGEST_IMAGE = 255
_NUMBER: Check[int] = integer(-1, 2**63 - 1)
_BYTES: Check[int] = integer(-1, 2**63 - 1, "bytes")
_TEXTS = list_of(free_text)
_OBJECTS = list_of(map_of(anything))

MOST_BINDINGS, MOST_PORTS = 64, 256
"""The most host ports that a definition fixes, and the most that it names: each costs a host port and processes."""


def image(value: object, path: str) -> str:
    """Accept an image reference such as ``registry:5000/name:tag`` or ``name@sha256:…``."""
    if isinstance(value, str) and len(value) <= _LONGEST_IMAGE and _IMAGE.fullmatch(value):
        return value
    lower = isinstance(value, str) and value != value.lower() and _IMAGE.fullmatch(value.lower())
    remedy = "write the repository in lower case, as in nginx:1.25" if lower else "write an image such as nginx:1.25"
    raise BadInput(f"{path}: {shorten(value)} is not usable, {remedy}")


def environment(value: object, path: str) -> list[str]:
    for index, item in enumerate(_TEXTS(value, path)):
        if not re.match(r"[^=]+=", item):
            raise BadInput(f"{path}[{index}]: {shorten(item)} is not usable, write NAME=value")
    return _TEXTS(value, path)


def exposed_ports(value: object, path: str) -> list[str]:
    """
    Accept ports as the API's object or as a list, each ``8080``, ``"8080"`` or ``"53/udp"``; return sorted
    ``8080/tcp``.
    """
    items = list(value) if isinstance(value, dict) else list_of(anything)(value, path)
    refuse_more(items, path, MOST_PORTS)
    ports = []
    for item in items:
        number, slash, protocol = str(item).partition("/")
        if slash and protocol not in ("tcp", "udp", "sctp"):
            raise BadInput(f"{path}: {shorten(item)} is not usable, write a port such as 8080/tcp or 53/udp")
        ports.append((port(number, path), protocol or "tcp"))
    return [f"{number}/{protocol}" for number, protocol in sorted(set(ports))]


def port_bindings(value: object, path: str) -> dict[str, list[dict[str, str]]]:
    """
    Accept ports of the container, each with the one port of the host that it has to get, in the API's form; return it
    sorted.
    """
    given = map_of(anything)(value, path)
    refuse_more(given, path, MOST_BINDINGS)
    found: dict[str, int] = {}
    used: set[str] = set()
    for key, bindings in given.items():
        (name,) = exposed_ports([key], path)
        if name in found:
            raise BadInput(f"{path}: port {name} is given twice, write each port once")
        found[name] = _host_port(bindings, f"{path}.{name}")
        host = f"{found[name]}/{name.partition('/')[2]}"
        if host in used:
            raise BadInput(f"{path}: host port {host} is given twice, write each host port once")
        used.add(host)
    names = exposed_ports(list(found), path)
    return {name: [{"HostPort": str(found[name])}] for name in names}


def _host_port(value: object, path: str) -> int:
    """Return the host port of the one binding of a container port."""
    bindings = _OBJECTS(value, path)
    if len(bindings) != 1:
        raise BadInput(f'{path} has {len(bindings)} members, write one, such as [{{"HostPort": "5432"}}]')
    binding = record(bindings[0], f"{path}[0]", {"HostIp": anything, "HostPort": anything})
    if binding.get("HostIp", "") != "":
        raise BadInput(f"{path}[0].HostIp is not usable, leave it out: ports are published on the addresses of --host")
    host = binding.get("HostPort", "")
    try:
        return port(host, path)
    except BadInput:
        use = "write one port from 1 to 65535; to get a free one, name the port in ExposedPorts instead"
        raise BadInput(f"{path}[0].HostPort: {shorten(host)} is not usable, {use}") from None


def volumes(value: object, path: str) -> list[str]:
    """
    Accept volumes as the API's object (paths alone) or as a list of ``/path``, ``name:/path[:ro]`` or ``/host:/path``.
    """
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
    if mode in ("host", "none") or ":" in mode:  # container:NAME; other Engines know ns:PATH, too
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
    **dict.fromkeys(("Memory", "MemorySwap", "MemoryReservation", "ShmSize"), _BYTES),
    **dict.fromkeys(
        (
            "MemorySwappiness",
            "CpuShares",
            "NanoCpus",
            "CpuPeriod",
            "CpuQuota",
            "PidsLimit",
            "BlkioWeight",
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
    "PortBindings": port_bindings,
}
