# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""Configs and secrets: files that the containers of a service get."""

from __future__ import annotations

from typing import Any

from daprdockr.compose import units
from daprdockr.compose.paths import Local
from daprdockr.compose.service import ComposeService
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.model.stored.mirrored_keys import FileKey, SecretKey
from daprdockr.model.wanted.files import MOST_BYTES, stamp_of
from daprdockr.model.wanted.secrets import PLACE


def storing(service: ComposeService) -> None:
    for number, one in enumerate(service.read("configs", _entries) or []):
        _config(service, one, f"configs[{number}]")
    for number, one in enumerate(service.read("secrets", _entries) or []):
        _secret(service, one, f"secrets[{number}]")


def _entries(value: object) -> list[PlacedMap]:
    return [one if isinstance(one, PlacedMap) else PlacedMap([("source", one)]) for one in units.tables(value)]


def _declared(service: ComposeService, part: str, entry: PlacedMap, key: str) -> tuple[str, PlacedMap]:
    """Return the name of a source, and what the file says about it. :raises BadInput: nothing."""
    source = service.taken(key, entry.get("source"), units.text)
    named = service.project.named(part)
    if source not in named:
        service.taken(key, source, lambda value: _undeclared(part, value))
    return source, named[source]


def _undeclared(part: str, name: object) -> object:
    raise BadInput(f"{shorten(name)} is not among the {part} at the top of the file: define it there")


def external_name(service: ComposeService, part: str, source: str) -> str | None:
    """Return the name of what is not of the file; None if it is."""
    external = service.declared(part, source, "external", _external)
    return None if external is None else external or service.declared(part, source, "name", units.text) or source


def own_name(service: ComposeService, part: str, source: str) -> str:
    """Return the name in the cluster of what is of the file."""
    return service.declared(part, source, "name", units.text) or service.owned(source)


def _external(value: object) -> str | None:
    """Return the name that is stated with ``external``, which may be none; None if it is of the file."""
    if isinstance(value, PlacedMap):
        return units.text(value.get("name") or "")
    return "" if units.boolean(value) else None


def add_file(service: ComposeService, entry: dict[str, Any]) -> None:
    service.definition.setdefault("Files", []).append(entry)


def octal(value: object) -> int:
    """Read octal permissions, as a text or as the number that YAML makes of it."""
    written = units.text(value).removeprefix("0o")
    if not 0 < len(written) < 6 or not set(written) <= set("01234567"):
        raise BadInput(f'{shorten(value)} is not usable, write octal permissions such as "0444"')
    return int(written, 8)


def mode(value: object) -> str:
    return f"{octal(value) & 0o777:04o}"


def _config(service: ComposeService, entry: PlacedMap, key: str) -> None:
    source, declared = _declared(service, "configs", entry, key)
    target = service.taken(key, entry.get("target") or f"/{source}", units.text)
    file: dict[str, Any] = {"Target": target if target.startswith("/") else f"/{target}"}
    if entry.get("mode") is not None:
        file["Mode"] = service.taken(key, entry["mode"], mode)
    name = external_name(service, "configs", source)
    if name is not None:
        file["Name"] = name
    else:
        file |= content_or_name(service, key, _content(service, declared, key), source, declared.get("file"))
    add_file(service, file)


def _content(service: ComposeService, declared: PlacedMap, key: str) -> bytes:
    if declared.get("content") is not None:
        return service.taken(key, declared["content"], units.text).encode()
    if declared.get("environment") is not None:
        name = service.taken(key, declared["environment"], units.text)
        if name not in service.project.variables:
            service.taken(key, name, _unset)
        return service.project.variables[name].encode()
    path = service.taken(key, declared.get("file") or "", units.text)
    data = service.files(path)
    if data is None:
        service.taken(key, path, _missing)
    return data or b""


def _unset(name: object) -> object:
    raise BadInput(f"variable {name} is not set: set it")


def _missing(path: object) -> object:
    raise BadInput(f"there is no file {shorten(path)}: make it, or state the content")


def content_or_name(service: ComposeService, key: str, data: bytes, source: str, path: object) -> dict[str, str]:
    """Return the content of a file, or the name under which somebody has to store it."""
    taken = sum(len(one.get("Content", "").encode()) for one in service.definition.get("Files", ()))
    try:
        text = data.decode()
        if "\0" not in text and taken + len(data) <= MOST_BYTES:
            return {"Content": text}
    except UnicodeDecodeError:
        pass
    name = service.owned(source)
    text = f"the content is too large, or no text: daprdockrcmd file set {name} {_written(path)}"
    service.find_value(key, text, FileKey(name), stamp_of(data))
    return {"Name": name}


def _written(path: object) -> object:
    return path.written if isinstance(path, Local) else path


def _secret(service: ComposeService, entry: PlacedMap, key: str) -> None:
    source, declared = _declared(service, "secrets", entry, key)
    name = external_name(service, "secrets", source)
    if name is None:
        name = own_name(service, "secrets", source)
        file, variable = declared.get("file"), declared.get("environment")
        how = f"set {name} {_written(file)}" if file else f"set {name}, with the value of {variable} on stdin"
        service.find_value(key, f"set its value: daprdockrcmd secret {how}", SecretKey(name))
    target = service.taken(key, entry.get("target") or source, units.text)
    target = target if target.startswith("/") else PLACE + target
    use = {"Name": name} | ({"Target": target} if target != PLACE + name else {})
    service.definition.setdefault("Secrets", []).append(use)
