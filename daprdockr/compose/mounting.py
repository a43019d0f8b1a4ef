# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""The volumes of a service, in the short form and in the long one."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from daprdockr.compose import units
from daprdockr.compose.merging import as_table
from daprdockr.compose.paths import Local
from daprdockr.compose.service import ComposeService
from daprdockr.compose.storing import add_file, content_or_name, external_name, octal, own_name
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_SCRIPT = b"#!"
_NOT_THERE = (
    "nodes do not have this directory: copy it into the image, or name a directory of each node by its whole path"
)


@define(eq=False)
class Mounting:
    """The mounts of one service."""

    service: ComposeService
    volumes: list[str] = field(factory=list)
    mounts: list[dict[str, Any]] = field(factory=list)

    def add(self, one: object, key: str) -> None:
        if not isinstance(one, PlacedMap):
            one = self.service.taken(key, one, _long)
            if one.get("relabel"):
                self.service.find(key, "it is not labelled for SELinux: label it on each node", weighty=False)
        kind = self.service.taken(key, one.get("type") or "volume", units.text)
        target = self.service.taken(key, one.get("target") or "", _absolute)
        if kind == "tmpfs":
            self._tmpfs(one, target, key)
        elif kind == "bind":
            self._bind(one, target, key)
        elif kind == "volume":
            self._volume(one, target, key)
        elif kind != "image":  # of which the table of keys says it
            self.service.find(key, f"type {shorten(kind)} is not passed on: use a volume")

    def _read_only(self, one: PlacedMap, key: str) -> bool:
        return self.service.taken(key, one.get("read_only") or False, units.boolean)

    def _tmpfs(self, one: PlacedMap, target: str, key: str) -> None:
        given = self.service.taken(key, one.get("tmpfs"), as_table)
        options = []
        if given.get("size") is not None:
            options.append(f"size={self.service.taken(key, given['size'], units.size)}")
        if given.get("mode") is not None:
            options.append(f"mode={self.service.taken(key, given['mode'], octal):04o}")
        self.service.container.setdefault("Tmpfs", {})[target] = ",".join(options)

    def _bind(self, one: PlacedMap, target: str, key: str) -> None:
        source = one.get("source")
        if isinstance(source, Local):
            self._local(source, target, key, self._read_only(one, key))
            return
        path = self.service.taken(key, source or "", _absolute)
        options = self.service.taken(key, one.get("bind"), as_table)
        propagation = options.get("propagation")
        made = self.service.taken(key, options.get("create_host_path", True), units.boolean)
        if propagation is None and made:
            self._short(path, target, self._read_only(one, key))
            return
        mount = {"Type": "bind", "Source": path, "Target": target, "ReadOnly": self._read_only(one, key)}
        self.mounts.append(mount | ({"BindOptions": {"Propagation": propagation}} if propagation else {}))

    def _local(self, source: Local, target: str, key: str, read_only: bool) -> None:
        """Carry a file of this machine over with its content; nodes do not have a directory of it."""
        data = self.service.files(source)
        if data is None:
            self.service.find(key, _NOT_THERE)
            return
        if not read_only:
            self.service.find(key, "the file is read-only in the container: copy it at the start to change it", False)
        file = {"Target": target, **({"Mode": "0555"} if data.startswith(_SCRIPT) else {})}
        name = posixpath.basename(source)
        add_file(self.service, file | content_or_name(self.service, key, data, name, source))

    def _volume(self, one: PlacedMap, target: str, key: str) -> None:
        source = one.get("source")
        if source is None:
            self.volumes.append(target)
            return
        name = self.service.taken(key, source, units.text)
        if name not in self.service.project.named("volumes"):
            self.service.taken(key, name, _undeclared)
        options = self._options(one, name, key)
        if _is_of_this_machine(options):
            self.service.find(key, _NOT_THERE)
            return
        own = external_name(self.service, "volumes", name) or own_name(self.service, "volumes", name)
        if not options:
            self._short(own, target, self._read_only(one, key))
            return
        mount = {"Type": "volume", "Source": own, "Target": target, "ReadOnly": self._read_only(one, key)}
        self.mounts.append({**mount, "VolumeOptions": options})

    def _options(self, one: PlacedMap, name: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        stated = self.service.taken(key, one.get("volume"), as_table)
        if self.service.taken(key, stated.get("nocopy") or False, units.boolean):
            found["NoCopy"] = True
        driver = self.service.declared("volumes", name, "driver", units.text) or "local"
        given = self.service.declared("volumes", name, "driver_opts", units.pairs) or {}
        if driver != "local" or given:
            options = {name: value or "" for name, value in given.items()}
            found["DriverConfig"] = {"Name": driver, **({"Options": options} if options else {})}
        return found

    def _short(self, source: str, target: str, read_only: bool) -> None:
        self.volumes.append(f"{source}:{target}{':ro' if read_only else ''}")


def mounting(service: ComposeService) -> None:
    found = Mounting(service)
    for number, one in enumerate(service.read("volumes", lambda value: list(units.tables(value))) or []):
        found.add(one, f"volumes[{number}]")
    if found.volumes:
        service.container["Volumes"] = found.volumes
    if found.mounts:
        service.container["Mounts"] = found.mounts


def _long(value: object) -> PlacedMap:
    """Return the long form of ``TARGET``, ``SOURCE:TARGET`` or ``SOURCE:TARGET:OPTIONS``."""
    parts = units.text(value).split(":")
    if len(parts) == 1:
        return PlacedMap([("type", "volume"), ("target", parts[0])])
    if len(parts) > 3 or not parts[0]:
        raise BadInput(f"{shorten(value)} is not usable, write name:/path, /host:/path or /path")
    source, target, *options = parts
    words = options[0].split(",") if options else []
    found = PlacedMap(
        [("type", "bind" if source.startswith("/") else "volume"), ("source", source), ("target", target)]
    )
    found["read_only"] = "ro" in words
    propagation = next((word for word in words if word in _PROPAGATIONS), None)
    if propagation:
        found["bind"] = PlacedMap([("propagation", propagation)])
    found["relabel"] = not {"z", "Z"}.isdisjoint(words)
    if "nocopy" in words:
        found["volume"] = PlacedMap([("nocopy", True)])
    return found


def _is_of_this_machine(options: Mapping[str, Any]) -> bool:
    """Return whether a volume is a directory whose path begins at that of the file."""
    given = options.get("DriverConfig", {}).get("Options", {})
    is_bind = not {"bind", "rbind"}.isdisjoint(given.get("o", "").split(","))
    return is_bind and not given.get("device", "/").startswith("/")


def _absolute(value: object) -> str:
    path = units.text(value)
    if not path.startswith("/"):
        raise BadInput(f"{shorten(value)} is not usable, write a whole path")
    return posixpath.normpath(path)


def _undeclared(name: object) -> object:
    raise BadInput(f"{shorten(name)} is not among the volumes at the top of the file: define it there")
