"""
The privileges that a definition needs of a host beyond an ordinary container, by name: ``--allow`` grants them.

Each of them gives anybody who may write definitions a way to the host itself, so an agent grants none by default. Where
an unknown value might be one, only known values are harmless. A field that the Engine reads without regard to the case
of its keys (Go's ``encoding/json``) is judged the same way here.

A volume that exists already may be a directory of the host under a harmless name, or lead to one, so it is judged by
its driver and its options when a container is created; an anonymous one, and one that the Engine makes for the
container, is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from daprdockr.model.host import Volume

PRIVILEGES: Mapping[str, str] = {
    "privileged": "Privileged",
    "binds": "host paths in Binds, Volumes and Mounts, and volumes whose options mount something of the host",
    "host-devices": "Devices, DeviceRequests and DeviceCgroupRules",
    "capabilities": "CapAdd beyond Docker's default capabilities",
    "host-namespaces": "IpcMode, PidMode, UTSMode, UsernsMode and CgroupnsMode other than the container's own",
    "security-opt": "SecurityOpt other than no-new-privileges",
    "volumes-from": "VolumesFrom",
    "runtime": "Runtime, CgroupParent, OomKillDisable and a negative OomScoreAdj",
    "volume-drivers": "VolumeDriver other than local, and volumes of such a driver",
    "log-drivers": "LogConfig with a driver other than json-file, local and none, or options for the Engine's own",
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
_SAFE_MOUNTS = ("volume", "tmpfs")
_MODES = ("IpcMode", "PidMode", "UTSMode", "UsernsMode", "CgroupnsMode")
_OWN_MODES = ("", "none", "private", "shareable")
_OWN_LOGS = ("json-file", "local", "none")
"""The log drivers that write to the Engine's own directory, or nowhere: the others write to sockets and addresses."""
_ELSEWHERE = ("cifs", "nfs", "nfs4", "smb3", "tmpfs")
"""The file systems that the ``local`` volume driver can mount without anything of the host."""
_BIND_FLAGS = frozenset({"bind", "rbind"})
_NO_NEW_PRIVILEGES = frozenset(
    f"no-new-privileges{suffix}" for suffix in ("", ":true", "=true", ":false", "=false", ":1", "=1", ":0", "=0")
)


def needed(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return those of ``PRIVILEGES`` that a container with these fields (those of ``model.wanted.container``) needs."""
    return frozenset(name for name, is_needed in _JUDGES.items() if is_needed(fields))


def refusal(missing: Iterable[str]) -> str:
    """
    Return one line for a person: why a node does not run a definition that needs these privileges, and what to do.
    """
    names = ",".join(sorted(missing))
    return f"no privilege {names} here: start an agent that may run it with --allow {names}, or change the definition"


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _has_host_path(fields: Mapping[str, Any]) -> bool:
    """
    Return whether a volume has a path of the host; a named volume has no slash in its name, and ``Volumes`` of a path
    alone are anonymous.
    """
    if any("/" in source for source in _sources(fields)):
        return True
    return any(not _is_safe_mount(mount) for mount in fields.get("Mounts", ()))


def _sources(fields: Mapping[str, Any]) -> list[str]:
    volumes = [item for item in fields.get("Volumes", ()) if ":" in item]
    return [item.split(":")[0] for item in (*fields.get("Binds", ()), *volumes)]


def _is_safe_mount(mount: Mapping[str, Any]) -> bool:
    """
    Return whether a mount needs no privilege. If ``Type`` is given twice in different case, the worse one counts. A
    volume of the ``local`` driver with options mounts whatever they name, the host's root too (docker volume create,
    "Driver-specific options").
    """
    kinds = _values(mount, "type")
    return bool(kinds) and all(kind in _SAFE_MOUNTS for kind in kinds) and not _mentions(mount, "driverconfig")


def _logs_elsewhere(config: Mapping[str, Any]) -> bool:
    """
    Return whether the log is written anywhere but to the Engine's own directory. Options without a driver are for the
    Engine's default driver, which may be any.
    """
    harmless = _OWN_LOGS if any(_values(config, "config")) else (*_OWN_LOGS, "")
    return not all(kind in harmless for kind in _values(config, "type") or [""])


def _values(members: Mapping[str, Any], name: str) -> list[Any]:
    """Return the values of all members that Go takes for the one of this name."""
    return [value for key, value in members.items() if key.casefold() == name]


def _mentions(value: object, name: str) -> bool:
    if isinstance(value, Mapping):
        return any(key.casefold() == name or _mentions(item, name) for key, item in value.items())
    return isinstance(value, list) and any(_mentions(item, name) for item in value)


def named_volumes(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of the volumes that a container with these fields shares with others, each once."""
    mounted = [source for mount in fields.get("Mounts", ()) for source in _values(mount, "source")]
    names = (name for name in (*_sources(fields), *mounted) if isinstance(name, str))
    return sorted({name for name in names if name and "/" not in name})


def needed_for(volume: Volume) -> frozenset[str]:
    """Return the privileges that a container needs which uses a volume that is already there."""
    if volume.driver != "local":
        return frozenset({"volume-drivers"})
    return frozenset({"binds"} if _is_of_host(volume.options) else ())


def _is_of_host(options: Mapping[str, str]) -> bool:
    """Return whether options of the ``local`` driver mount a directory or a device of the host."""
    flags = _BIND_FLAGS.intersection(options.get("o", "").split(","))
    mounts = any(options.get(name) for name in ("type", "o", "device"))
    return mounts and (bool(flags) or options.get("type") not in _ELSEWHERE)


def _one_of(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: any(fields.get(name) for name in names)


_outside_limits = _one_of("Runtime", "CgroupParent", "OomKillDisable")

_JUDGES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "privileged": _one_of("Privileged"),
    "binds": _has_host_path,
    "host-devices": _one_of("Devices", "DeviceRequests", "DeviceCgroupRules"),
    "capabilities": lambda fields: any(_capability(c) not in _DEFAULT_CAPABILITIES for c in fields.get("CapAdd", ())),
    "host-namespaces": lambda fields: any((fields.get(name) or "") not in _OWN_MODES for name in _MODES),
    "security-opt": lambda fields: any(option not in _NO_NEW_PRIVILEGES for option in fields.get("SecurityOpt", ())),
    "volumes-from": _one_of("VolumesFrom"),
    "runtime": lambda fields: _outside_limits(fields) or fields.get("OomScoreAdj", 0) < 0,
    "volume-drivers": lambda fields: (fields.get("VolumeDriver") or "local") != "local",
    "log-drivers": lambda fields: _logs_elsewhere(fields.get("LogConfig", {})),
}
