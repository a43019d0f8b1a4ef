"""
Definitions read, changed and deleted in etcd.

Note [Reading back]
    A write is guarded by the revision that was read, so two people never overwrite each other unseen: whoever loses
    reads again and merges anew. When the answer to a write is lost, nobody knows whether it happened; reading
    again tells, because a definition that stands already is not written twice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.definition import Definition
from daprdockr.model.entries import Delete, Entry, Operation, Put, Unchanged
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdUnavailable, NotFound
from daprdockr.model.names import ServiceName

if TYPE_CHECKING:  # Why: it imports Twisted, which the command line has no other need of.
    from daprdockr.model.seams import Store

ATTEMPTS = 8


def get(request: Request, store: Store, console: Console) -> None:
    """Print one definition, or all of them as a list."""
    if request.service is None:
        _get_all(request, store, console)
        return
    entry = store.get(request.keys.service(request.service))
    if entry is None:
        raise NotFound(f"{request.service} does not exist: -get without -svc lists what does")
    console.print_json(_parse(entry, request.service).write())


def _get_all(request: Request, store: Store, console: Console) -> None:
    found, broken = [], 0
    for entry in store.list(request.keys.services).entries:
        try:
            name = request.keys.read(entry.key)
            if isinstance(name, ServiceName):
                found.append(_parse(entry, name).write())
        except BadInput as error:
            broken += 1
            console.complain(f"{entry.key}: {error}")
    console.print_json(found)
    if broken:
        raise BadInput(f"{broken} of the stored definitions can not be used and are left out")


def set_(request: Request, store: Store, console: Console) -> None:
    """Merge flags over the stored definition, or over the one on stdin, store the result and print it."""
    given = Definition.parse(console.read_document()) if request.stdin else None
    service = given.name if given else request.service
    assert service is not None
    if request.service not in (None, service):
        raise BadInput(f"stdin defines {service}, but -svc says {request.service}: make them agree")
    key = request.keys.service(service)
    wanted = given

    def decide(entry: Entry | None) -> Operation | None:
        nonlocal wanted
        stored = None if entry is None or given else _parse(entry, service)
        wanted = merge(service, given or stored, request.changes)
        value = _encode(wanted)
        return None if entry is not None and entry.value == value else Put(key, value)

    _change(store, key, decide)
    assert wanted is not None
    console.print_json(wanted.write())


def delete(request: Request, store: Store, console: Console) -> None:
    """Delete a definition, readable or not."""
    assert request.service is not None
    key = request.keys.service(request.service)

    def decide(entry: Entry | None) -> Operation:
        if entry is None:
            raise NotFound(f"{request.service} does not exist: nothing to delete")
        return Delete(key)

    _change(store, key, decide)


def merge(service: ServiceName, base: Definition | None, changes: Mapping[str, str]) -> Definition:
    """The definition with the flags' values in it. :raises BadInput: if what results is not usable."""
    written: dict[str, Any] = base.write() if base else {"Name": service.service, "Group": service.group}
    container = dict(written.get("Container", {}))
    http = dict(written.get("Http", {}))
    for flag, part, member in (("image", container, "Image"), ("http-host", http, "HostName")):
        if flag in changes:
            part[member] = changes[flag]
    if "http-port" in changes:
        http["ContainerPort"] = changes["http-port"]
    if "instances" in changes:
        written["Instances"] = _number(changes["instances"])
    if "cmd" in changes:
        container["Cmd"] = _split_command(changes["cmd"])
        if not container["Cmd"]:
            del container["Cmd"]
    return Definition.read(written | {"Container": container} | ({"Http": http} if http else {}))


def _number(text: str) -> int | str:
    """The number if it is one; else the text, which the definition then refuses with its range."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) else text


def _split_command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadInput(f"-cmd can not be split into words ({str(error).lower()}): mind its quotes") from None


def _parse(entry: Entry, service: ServiceName) -> Definition:
    try:
        definition = Definition.parse(entry.value)
    except BadInput as error:
        raise BadInput(f"the stored definition of {service} is not usable ({error}): use -stdin or -del") from None
    if definition.name != service:
        raise BadInput(f"the stored definition of {service} calls itself {definition.name}: use -stdin or -del")
    return definition


def _encode(definition: Definition) -> bytes:
    try:
        return definition.encode()
    except UnicodeEncodeError:
        raise BadInput("the definition holds half a character: write all of it in UTF-8") from None


def _change(store: Store, key: str, decide: Callable[[Entry | None], Operation | None]) -> None:
    """Carry out what ``decide`` makes of the key's entry; None is nothing to do. See Note [Reading back]."""
    operation: Operation | None = None
    lost: EtcdUnavailable | None = None
    for _ in range(ATTEMPTS):
        entry = store.get(key)
        if entry is None and isinstance(operation, Delete):
            return
        operation = decide(entry)
        if operation is None:
            return
        try:
            if store.commit([Unchanged(key, entry.mod_revision if entry else 0)], [operation]).succeeded:
                return
        except EtcdUnavailable as error:
            lost = error
    raise lost or DaprdockrError(f"others keep changing {key}, {ATTEMPTS} attempts were in vain: try again")
