"""
The privileges that a definition needs of a host beyond an ordinary container, by name: ``--allow`` grants them.

Each of them gives anybody who may write definitions a way to the host itself, so an agent grants none by default. A
field that the Engine reads without regard to the case of its keys (Go's ``encoding/json``) is judged the same way here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PRIVILEGES: Mapping[str, str] = {
    "privileged": "Privileged",
    "binds": "host paths in Binds, Volumes and Mounts, and volumes whose driver has options",
    "host-devices": "Devices, DeviceRequests and DeviceCgroupRules",
    "capabilities": "CapAdd beyond Docker's default capabilities",
    "host-namespaces": "IpcMode, PidMode, UTSMode, UsernsMode and CgroupnsMode of the host or of another container",
    "security-opt": "SecurityOpt other than no-new-privileges",
    "volumes-from": "VolumesFrom",
    "runtime": "Runtime, CgroupParent, OomKillDisable and a negative OomScoreAdj",
    "volume-drivers": "VolumeDriver other than local",
}

# Docker's default capabilities (moby, oci/caps/defaults.go): adding one of them changes nothing.
_DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SAFE_MOUNTS = frozenset({"volume", "tmpfs"})
_MODES = ("IpcMode", "PidMode", "UTSMode", "UsernsMode", "CgroupnsMode")
_NO_NEW_PRIVILEGES = frozenset(
    f"no-new-privileges{suffix}" for suffix in ("", ":true", "=true", ":false", "=false", ":1", "=1", ":0", "=0")
)


def needed(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return those of ``PRIVILEGES`` that a container with these fields (those of ``model.wanted.container``) needs."""
    return frozenset(_needed(fields))


def refusal(missing: Iterable[str]) -> str:
    """
    Return one line for a person: why a node does not run a definition that needs these privileges, and what to do.
    """
    names = ",".join(sorted(missing))
    return f"no privilege {names} here: start an agent that may run it with --allow {names}, or change the definition"


def _needed(fields: Mapping[str, Any]) -> Iterator[str]:
    if fields.get("Privileged"):
        yield "privileged"
    if _has_host_path(fields):
        yield "binds"
    if any(fields.get(name) for name in ("Devices", "DeviceRequests", "DeviceCgroupRules")):
        yield "host-devices"
    if any(_capability(name) not in _DEFAULT_CAPABILITIES for name in fields.get("CapAdd", ())):
        yield "capabilities"
    if any(_joins(str(fields.get(name) or "")) for name in _MODES):
        yield "host-namespaces"
    if any(option not in _NO_NEW_PRIVILEGES for option in fields.get("SecurityOpt", ())):
        yield "security-opt"
    if fields.get("VolumesFrom"):
        yield "volumes-from"
    if (
        any(fields.get(name) for name in ("Runtime", "CgroupParent", "OomKillDisable"))
        or fields.get("OomScoreAdj", 0) < 0
    ):
        yield "runtime"
    if (fields.get("VolumeDriver") or "local") != "local":
        yield "volume-drivers"


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _joins(mode: str) -> bool:
    return mode == "host" or mode.startswith("container:")


def _has_host_path(fields: Mapping[str, Any]) -> bool:
    """
    Return whether a volume has a path of the host; a named volume has no slash in its name, and ``Volumes`` of a path
    alone are anonymous.
    """
    volumes = [item for item in fields.get("Volumes", ()) if ":" in item]
    if any("/" in item.split(":")[0] for item in (*fields.get("Binds", ()), *volumes)):
        return True
    return any(not _is_safe_mount(mount) for mount in fields.get("Mounts", ()))


def _is_safe_mount(mount: Mapping[str, Any]) -> bool:
    """
    Return whether a mount needs no privilege. If ``Type`` is given twice in different case, the worse one counts. A
    volume of the ``local`` driver with options mounts whatever they name, the host's root too (docker volume create,
    "Driver-specific options").
    """
    kinds = [value for key, value in mount.items() if key.lower() == "type"]
    return bool(kinds) and all(kind in _SAFE_MOUNTS for kind in kinds) and not _mentions(mount, "driverconfig")


def _mentions(value: object, name: str) -> bool:
    if isinstance(value, Mapping):
        return any(key.lower() == name or _mentions(item, name) for key, item in value.items())
    return isinstance(value, list) and any(_mentions(item, name) for item in value)
