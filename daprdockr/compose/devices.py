# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""Devices of the host: ``devices``, ``gpus``, and those that ``deploy`` reserves."""

from __future__ import annotations

from typing import Any

from daprdockr.compose import units
from daprdockr.compose.service import ComposeService
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_RESERVED = "deploy.resources.reservations.devices"


def devices(service: ComposeService) -> None:
    requests: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    for one in service.read("devices", lambda value: [_device(item) for item in units.tables(value)]) or []:
        (requests if "DeviceIDs" in one else plain).append(one)
    requests += service.read("gpus", _gpus) or []
    requests += service.read(_RESERVED, lambda value: [_request(one) for one in units.tables(value)]) or []
    if plain:
        service.container["Devices"] = plain
    if requests:
        service.container["DeviceRequests"] = requests


def _device(one: object) -> dict[str, Any]:
    if isinstance(one, PlacedMap):
        source = units.text(one.get("source") or "")
        target, permissions = units.text(one.get("target") or source), units.text(one.get("permissions") or "rwm")
    else:
        source, _, rest = units.text(one).partition(":")
        target, _, permissions = rest.partition(":")
        target, permissions = target or source, permissions or "rwm"
    if "=" in source and not source.startswith("/"):
        return {"Driver": "cdi", "DeviceIDs": [units.text(one) if not isinstance(one, PlacedMap) else source]}
    if not source.startswith("/"):
        raise BadInput(f"{shorten(one)} is not usable, write a device such as /dev/ttyUSB0")
    return {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": permissions}


def _gpus(value: object) -> list[dict[str, Any]]:
    if value == "all":
        value = [PlacedMap()]
    return [_request(one, "gpu") for one in units.tables(value)]


def _request(one: object, always: str = "") -> dict[str, Any]:
    if not isinstance(one, PlacedMap):
        raise BadInput(f"{shorten(one)} is not usable, write a mapping")
    capabilities = units.texts(one.get("capabilities") or [])
    if always and always not in capabilities:
        capabilities.insert(0, always)
    found: dict[str, Any] = {"Capabilities": [capabilities]}
    if one.get("driver"):
        found["Driver"] = units.text(one["driver"])
    if one.get("device_ids"):
        found["DeviceIDs"] = units.texts(one["device_ids"])
    else:
        count = one.get("count", "all")
        found["Count"] = -1 if count == "all" else units.whole(count)
    if one.get("options"):
        found["Options"] = {name: given or "" for name, given in units.pairs(one["options"]).items()}
    return found
