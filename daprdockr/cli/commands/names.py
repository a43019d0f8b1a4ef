# -*- test-case-name: tests.unit.cli.commands.test_names -*-
"""``names``: what services, instances, nodes and others are called, for the completion of command lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import local_answer
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput

if TYPE_CHECKING:
    from daprdockr.model.seams import Store

KINDS = ("services", "instances", "nodes", "jobs", "secrets", "files", "certificates", "groups")


def local_names(request: Request, console: Console) -> bool:
    found = local_answer(request, console, "names")
    if found is None or not set(request.words) <= set(found):
        return False  # an older agent knows fewer kinds
    _print(found, request, console)
    return True


def say_names(request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.snapshot import snapshot
    from daprdockr.picture.known_names import known_names

    _print(known_names(snapshot(request, store)), request, console)


def _print(found: Mapping[str, Any], request: Request, console: Console) -> None:
    if request.json:
        console.print_json({kind: found[kind] for kind in request.words})
        return
    for kind in request.words:
        for name in found[kind]:
            console.say(name)


def _check(request: Request) -> None:
    if not request.words or not set(request.words) <= set(KINDS):
        raise BadInput(f"names takes one of these, or several: {', '.join(KINDS)}")


COMMAND = Command(
    name="names",
    usage=(("names KIND ...", "print the names of services, instances, nodes and others, for programs"),),
    run=say_names,
    local=local_names,
    flags=("o",),
    word="KIND ...",
    choices=KINDS,
    check=_check,
    reference=(
        "print the names of ``services``, ``instances``, ``nodes``, ``jobs``, ``secrets``, ``files``, stored"
        " ``certificates`` or ``groups``, one on a line; of an instance that is wanted and of one that still runs; of a"
        " secret, or a file, that is set and of one that a service uses. The scripts of ``completion`` call it",
    ),
)
