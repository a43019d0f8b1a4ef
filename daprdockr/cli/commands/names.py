# -*- test-case-name: tests.unit.cli.commands.test_names -*-
"""
``names``: what services, instances, nodes and others are called, for the completion of command lines.

The names of volumes are whatever a definition says, and the Engine refuses odd ones only when it creates them. The
``compgen`` of bash carries out what it takes for a command, as in ``$(reboot)``. So a name with a character that no
usable name has is not printed as a line; JSON has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import local_answer
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName

if TYPE_CHECKING:
    from daprdockr.model.known.view import ClusterView
    from daprdockr.model.seams import Store

KINDS = ("services", "instances", "nodes", "jobs", "secrets", "files", "certificates", "groups")
_PLAIN = re.compile("[A-Za-z0-9._*-]+", re.ASCII)
"""The names that are printed as lines."""
OWNERS = {"volumes": "INSTANCE", "runs": "SERVICE", "revisions": "SERVICE"}
"""Kinds of things that each belong to another one, whose name stands behind a colon, as in "runs:nightly.myapp"."""


def local_names(request: Request, console: Console) -> bool:
    if any(":" in word for word in request.words):
        return False
    found = local_answer(request, console, "names")
    if found is None or not set(request.words) <= set(found):
        return False  # an older agent knows fewer kinds
    _print(found, request, console)
    return True


def say_names(request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.snapshot import snapshot
    from daprdockr.picture.known_names import known_names

    cluster = snapshot(request, store)
    owned = {word: _owned(request, store, cluster, word) for word in request.words if ":" in word}
    _print({**known_names(cluster), **owned}, request, console)


def _owned(request: Request, store: Store, cluster: ClusterView, word: str) -> list[str]:
    from daprdockr.model.stored.history import Revisions
    from daprdockr.picture.known_names import known_runs, known_volumes

    kind, _, owner = word.partition(":")
    if kind == "volumes":
        return known_volumes(cluster, InstanceName.parse(owner))
    service = ServiceName.parse(owner)
    if kind == "runs":
        return known_runs(cluster, service)
    entries = store.list(request.keys.history(service)).entries
    return [str(number) for number in Revisions.read(request.keys, service, entries).numbers]


def _print(found: Mapping[str, Any], request: Request, console: Console) -> None:
    if request.json:
        console.print_json({kind: found[kind] for kind in request.words})
        return
    for kind in request.words:
        for name in filter(_PLAIN.fullmatch, found[kind]):
            console.say(name)


def _check(request: Request) -> None:
    if not request.words or not all(map(_is_kind, request.words)):
        owned = ", ".join(f"{kind}:{owner}" for kind, owner in OWNERS.items())
        raise BadInput(f"names takes one of these, or several: {', '.join(KINDS)}, {owned}")
    for kind, owner in (word.split(":", 1) for word in request.words if ":" in word):
        (InstanceName if OWNERS[kind] == "INSTANCE" else ServiceName).parse(owner)


def _is_kind(word: str) -> bool:
    kind, colon, _ = word.partition(":")
    return kind in (OWNERS if colon else KINDS)


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
        " secret, or a file, that is set and of one that a service uses. ``volumes:INSTANCE``, ``runs:SERVICE`` and"
        " ``revisions:SERVICE`` are what volume, job logs and rollback take. The scripts of ``completion`` call it",
    ),
)
