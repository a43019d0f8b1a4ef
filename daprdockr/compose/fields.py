# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""Keys that go to one field of the container each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from daprdockr.compose import units
from daprdockr.compose.interpolation import UnsetVariables
from daprdockr.compose.service import ComposeService
from daprdockr.compose.tree import PlacedMap
from daprdockr.compose.variables import read_variables, unset_in_file
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_TEMPLATE = re.compile(r"\{\{-?\s*\.(?:Node|Service|Task)\b[^}]*\}\}")


def _nano(value: object) -> int:
    return round(units.number(value) * 1_000_000_000)


def _hosts(value: object) -> list[str]:
    if isinstance(value, PlacedMap):
        return [f"{name}:{_bare(address)}" for name, given in value.items() for address in units.texts(given)]
    lines = (one.replace("=", ":", 1).partition(":") for one in units.texts(value))
    return [f"{name}{colon}{_bare(address)}" for name, colon, address in lines]


def _bare(address: str) -> str:
    """Return an address of IPv6 without its brackets: an Engine takes none."""
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def _tmpfs(value: object) -> dict[str, str]:
    parts = (one.partition(":") for one in units.texts(value))
    return {path: options for path, _, options in parts}


def _mapping(value: object) -> dict[str, str]:
    return {name: given or "" for name, given in units.pairs(value).items()}


def _ulimits(value: object) -> list[dict[str, object]]:
    if not isinstance(value, PlacedMap):
        raise BadInput(f"{shorten(value)} is not usable, write a mapping")
    return [{"Name": name, **_limits(one)} for name, one in value.items()]


def _limits(value: object) -> dict[str, int]:
    given = value if isinstance(value, PlacedMap) else {"soft": value, "hard": value}
    soft, hard = given.get("soft"), given.get("hard")
    if soft is None and hard is None:
        raise BadInput("a limit has neither soft nor hard: write a number")
    return {
        "Soft": units.whole(hard if soft is None else soft),
        "Hard": units.whole(soft if hard is None else hard),
    }


FIELDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "image": ("Image", units.text),
    "command": ("Cmd", units.command),
    "entrypoint": ("Entrypoint", units.command),
    "user": ("User", units.text),
    "working_dir": ("WorkingDir", units.text),
    "hostname": ("Hostname", units.text),
    "domainname": ("Domainname", units.text),
    "stop_signal": ("StopSignal", units.text),
    "tty": ("Tty", units.boolean),
    "stdin_open": ("OpenStdin", units.boolean),
    "blkio_config.weight": ("BlkioWeight", units.whole),
    "cap_add": ("CapAdd", units.texts),
    "cap_drop": ("CapDrop", units.texts),
    "cgroup": ("CgroupnsMode", units.text),
    "cgroup_parent": ("CgroupParent", units.text),
    "cpu_period": ("CpuPeriod", units.whole),
    "cpu_quota": ("CpuQuota", units.whole),
    "cpu_shares": ("CpuShares", units.whole),
    "cpus": ("NanoCpus", _nano),
    "cpuset": ("CpusetCpus", units.text),
    "device_cgroup_rules": ("DeviceCgroupRules", units.texts),
    "dns": ("Dns", units.texts),
    "dns_opt": ("DnsOptions", units.texts),
    "dns_search": ("DnsSearch", units.texts),
    "extra_hosts": ("ExtraHosts", _hosts),
    "group_add": ("GroupAdd", units.texts),
    "init": ("Init", units.boolean),
    "mem_limit": ("Memory", units.size),
    "mem_reservation": ("MemoryReservation", units.size),
    "mem_swappiness": ("MemorySwappiness", units.whole),
    "memswap_limit": ("MemorySwap", units.size),
    "oom_kill_disable": ("OomKillDisable", units.boolean),
    "oom_score_adj": ("OomScoreAdj", units.whole),
    "pids_limit": ("PidsLimit", units.whole),
    "privileged": ("Privileged", units.boolean),
    "read_only": ("ReadonlyRootfs", units.boolean),
    "runtime": ("Runtime", units.text),
    "security_opt": ("SecurityOpt", units.texts),
    "shm_size": ("ShmSize", units.size),
    "storage_opt": ("StorageOpt", _mapping),
    "sysctls": ("Sysctls", _mapping),
    "tmpfs": ("Tmpfs", _tmpfs),
    "ulimits": ("Ulimits", _ulimits),
    "userns_mode": ("UsernsMode", units.text),
    "uts": ("UTSMode", units.text),
    "deploy.resources.limits.cpus": ("NanoCpus", _nano),
    "deploy.resources.limits.memory": ("Memory", units.size),
    "deploy.resources.limits.pids": ("PidsLimit", units.whole),
    "deploy.resources.reservations.memory": ("MemoryReservation", units.size),
}
"""For a key the field, and what reads it. A later key has precedence."""

_OF_A_FILE = {"path", "required", "format"}
_RAW = units.one_of("raw")
_NAMESPACES = {"ipc": "IpcMode", "pid": "PidMode"}


def fields(service: ComposeService) -> None:
    """Carry the simple keys over, and the environment, labels, and log."""
    for key, (name, reader) in FIELDS.items():
        value = service.read(key, reader)
        if value is not None:
            service.container[name] = value
    for key, name in _NAMESPACES.items():
        _namespace(service, key, name)
    _environment(service)
    _labels(service)
    _logging(service)
    _templates(service)
    grace = service.read("stop_grace_period", units.seconds)
    if grace is not None:
        service.definition["StopTimeout"] = int(grace + 0.999999)


def _namespace(service: ComposeService, key: str, name: str) -> None:
    mode = service.read(key, units.text)
    if mode is None:
        return
    if ":" in mode:
        service.find(key, "containers of two services may run on different nodes: let one service have both programs")
    else:
        service.container[name] = mode


def _environment(service: ComposeService) -> None:
    listed: Mapping[str, str | None] = service.read("environment", units.pairs) or {}
    found = {**_read_files(service, "env_file"), **listed}
    known = {name: service.project.variables.get(name) if value is None else value for name, value in found.items()}
    for name in (name for name, value in known.items() if value is None and name in listed):
        service.find("environment", f"{name} has no value here: set it, or write {name}=", weighty=False)
    lines = [f"{name}={value}" for name, value in known.items() if value is not None]
    if lines:
        service.container["Env"] = lines


def _templates(service: ComposeService) -> None:
    """Name what Swarm fills in."""
    for key, name in (("hostname", "Hostname"), ("environment", "Env")):
        for found in map(_TEMPLATE.search, units.texts(service.container.get(name, ""))):
            if found:
                remedy = "leave it out; the host name and DAPRDOCKR_INSTANCE are the name of the instance"
                service.find(key, f"{found[0]} is not filled in: {remedy}")


def _read_files(service: ComposeService, key: str) -> Mapping[str, str | None]:
    found: dict[str, str | None] = {}
    value = service.get(key)
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        entry = one if isinstance(one, PlacedMap) else PlacedMap([("path", one)])
        for unknown in entry.keys() - _OF_A_FILE:
            service.taken(key, unknown, _unknown)
        name = service.taken(key, entry.get("path"), units.text)
        data = service.files(name)
        if data is not None:
            raw = entry.get("format") is not None and bool(service.taken(key, entry["format"], _RAW))
            unset: UnsetVariables = {}
            found |= read_variables(data, name, service.project.variables, raw, unset)
            service.findings.extend(unset_in_file(unset, weighty=True))
        elif service.taken(key, entry.get("required", True), units.boolean):
            service.taken(key, name, _missing)
    return found


def _unknown(name: object) -> object:
    raise BadInput(f"{shorten(name)} is not a known key of a file: write path, required or format")


def _missing(name: object) -> object:
    raise BadInput(f"there is no file {shorten(name)}: make it, or write required: false")


def _labels(service: ComposeService) -> None:
    found = {**_read_files(service, "label_file"), **(service.read("labels", units.pairs) or {})}
    if found:
        service.container["Labels"] = {name: value or "" for name, value in found.items()}


def _logging(service: ComposeService) -> None:
    driver = service.read("logging.driver", units.text)
    options = service.read("logging.options", _mapping)
    if driver is not None or options:
        config = {"Config": options} if options else {}
        service.container["LogConfig"] = {"Type": driver or "json-file", **config}
