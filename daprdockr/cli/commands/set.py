"""``-set`` and ``-stdin``: create or change a definition."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from daprdockr.cli.after import check_after
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.flags import CHANGES, names
from daprdockr.cli.request import Request
from daprdockr.cli.stored import as_restarted, parse, readable
from daprdockr.cli.storing import storing
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.wanted.definition import Definition

_YAML = re.compile(rb"\s*(?:#|---|[A-Za-z]+[ \t]*:)")
"""How the YAML of a definition begins, and no JSON does."""


def set_definition(request: Request, store: Store, console: Console) -> None:
    """Merge flags over the stored definition, or over the one on stdin, store the result and print it."""
    given = _parsed(console.read_document()) if request.stdin else None
    service = given.name if given else request.service
    assert service is not None
    if request.service not in (None, service):
        raise BadInput(f"stdin defines {service}, but -svc says {request.service}: make them agree")

    def decide(entry: Entry | None) -> Definition:
        if given is None:
            return merge(service, None if entry is None else parse(entry, service), request.changes)
        stored = readable(entry, service)
        wanted = as_restarted(merge(service, given, request.changes), stored)
        check_after(request, store, wanted, stored)
        return wanted

    with storing(request, store, console) as definitions:
        wanted = definitions.put(service, decide)
    console.print_json(wanted.write())


def _parsed(data: bytes) -> Definition:
    if _YAML.match(data):
        raise BadInput("stdin holds YAML, and -stdin takes JSON alone: type daprdockrcmd apply -f -")
    return Definition.parse(data)


def merge(service: ServiceName, base: Definition | None, changes: Mapping[str, str]) -> Definition:
    """Return the definition with the flags' values in it. :raises BadInput: the result is not usable."""
    written: dict[str, Any] = base.write() if base else {"Name": service.service, "Group": service.group}
    container = dict(written.get("Container", {}))
    http = _one_entry(service, written.get("Http", {}), changes)
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


def _one_entry(service: ServiceName, http: Any, changes: Mapping[str, str]) -> Any:
    """Return a copy of the entry that the flags change. :raises BadInput: there are several."""
    if not isinstance(http, list):
        return dict(http)
    for flag in ("http-host", "http-port"):
        if flag in changes:
            raise BadInput(
                f"-{flag} does not say which of the {len(http)} entries of Http of {service} it changes: use -stdin"
            )
    return http


def _number(text: str) -> int | str:
    """Return the number if it is one; otherwise the text, which the definition then refuses with its range."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) else text


def _split_command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadInput(f"-cmd cannot be split into words ({str(error).lower()}): mind its quotes") from None


def _check(request: Request) -> None:
    if request.stdin:
        return
    if request.service is None:
        raise BadInput("-set needs -svc <service>.<group>")
    if not request.changes:
        raise BadInput(f"-set needs something to set: {', '.join('-' + name for name in names(CHANGES))} or -stdin")


COMMAND = Command(
    name="set",
    usage=(
        ("-set -svc SERVICE FLAGS...", "change a definition, or make one"),
        ("-stdin [-svc SERVICE] [FLAGS]", "store the definition read from stdin"),
    ),
    run=set_definition,
    flags=("svc", "stdin", *names(CHANGES), "o"),
    only_json=True,
    check=_check,
    reference=(
        "merge flags over the stored definition, or over none, and print the result",
        "store the definition read from stdin in place of the old one; flags are merged over it",
    ),
)
