# -*- test-case-name: tests.unit.cli.commands.test_backup -*-
"""``restore``: the content of a backup is stored again; everything else stays as it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from attrs import frozen

from daprdockr.cli.command import Command
from daprdockr.cli.confirmed import NotConfirmed
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.files import Files
from daprdockr.cli.request import Request
from daprdockr.cli.saved import MAX_BYTES, Wish, encoded, file_name, places, read_backup, read_entries
from daprdockr.cli.stdin import read_stdin
from daprdockr.cli.stored import readable, unchanged
from daprdockr.cli.storing import storing
from daprdockr.model.errors import BadInput, EtcdError
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry, Put
from daprdockr.model.stored.files import FileContent
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import CordonKey, PauseKey
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.history import changes
from daprdockr.picture.wrapped import wrapped

_AT_ONCE = 16
"""Cordons and pauses of one transaction: etcd limits its operations to 128, and its bytes to 1.5 MiB."""
_MOST_SHOWN = 100
_MEANWHILE = "{} was stored by somebody meanwhile: run the same again, which shows what differs"


@frozen
class Restoring:
    """The wishes of a backup by key: those that are absent now, and those that are stored otherwise, with both."""

    absent: Mapping[str, Wish]
    differ: Mapping[str, tuple[Wish | None, Wish]]
    same: int


def restore(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: the backup cannot be used as a whole; nothing is stored.
    :raises NotConfirmed: something would be overwritten; nothing is stored. If somebody stored it after the check,
        what comes before it in the backup is.
    """
    data = read_stdin(console.stdin, MAX_BYTES + 1)
    if not data.strip():
        raise BadInput("stdin is empty: give it a backup, as in daprdockrcmd restore <FILE")
    if len(data) > MAX_BYTES:
        raise BadInput(f"the backup has more than {MAX_BYTES} bytes")
    found = _compared(request.keys, store, read_backup(request.keys, data))
    if not request.json:
        for line in _lines(request.keys, found):
            console.say(line)
    if found.differ and not request.yes:
        raise NotConfirmed(f"nothing was stored: add -yes to overwrite {len(found.differ)} of what is stored now")
    try:
        _store(request, store, console, {**found.absent, **{key: wish for key, (_, wish) in found.differ.items()}})
    except EtcdError:
        console.complain("a part of the backup may be stored: run the same again, which stores what is missing")
        raise
    if request.json:
        created, overwritten = ([_named(request.keys, key) for key in part] for part in (found.absent, found.differ))
        console.print_json({"Created": created, "Overwritten": overwritten, "Same": found.same})
    else:
        console.say(
            f"{len(found.absent)} created, {len(found.differ)} overwritten, {found.same} as in the backup already"
        )


def _compared(keys: Keys, store: Store, wishes: Mapping[str, Wish]) -> Restoring:
    stored, unreadable = read_entries(keys, store.list(places(keys)).entries)
    absent = {key: wish for key, wish in wishes.items() if key not in stored and key not in unreadable}
    differ = {key: (stored.get(key), wish) for key, wish in wishes.items() if key not in absent}
    differ = {key: pair for key, pair in differ.items() if pair[0] != pair[1]}
    return Restoring(absent, differ, len(wishes) - len(absent) - len(differ))


def _lines(keys: Keys, found: Restoring) -> list[str]:
    lines = [[f"create {_named(keys, key)}"] for key in found.absent]
    for key, (before, wish) in found.differ.items():
        how = "otherwise now"
        if isinstance(before, Definition) and isinstance(wish, Definition):
            how = "; ".join(changes(before, wish))
        lines.append(wrapped(f"overwrite {_named(keys, key)}: {how}"))
    more = [f"and {len(lines) - _MOST_SHOWN} more"] if len(lines) > _MOST_SHOWN else []
    return [line for one in lines[:_MOST_SHOWN] for line in one] + more


def _named(keys: Keys, key: str) -> str:
    if file := file_name(keys, key):
        return f"file {file}"
    match keys.read(key):
        case CordonKey(node):
            return f"cordon of {node}"
        case PauseKey(service):
            return f"pause of {service}"
        case ServiceName() as service:
            return str(service)
    return key


def _store(request: Request, store: Store, console: Console, wishes: Mapping[str, Wish]) -> None:
    """
    Store cordons and pauses first, so that no node takes instances that it should not have, and then the files, which
    containers wait for.
    """
    others = [
        Put(key, encoded(wish)) for key, wish in wishes.items() if not isinstance(wish, (Definition, FileContent))
    ]
    for start in range(0, len(others), _AT_ONCE):
        part = others[start : start + _AT_ONCE]
        if not store.commit([] if request.yes else [unchanged(one.key, None) for one in part], part).succeeded:
            raise NotConfirmed(_MEANWHILE.format("a cordon or a pause"))
    files = Files(request, store, time.time)
    for key, wish in wishes.items():
        if isinstance(wish, FileContent):
            name = file_name(request.keys, key)
            files.put(name, wish.content, partial(_insist, request, f"file {name}"))
    with storing(request, store, console) as definitions:
        for wish in wishes.values():
            if isinstance(wish, Definition):
                _put(definitions, wish)


def _put(definitions: Definitions, wanted: Definition) -> None:
    """Store a definition. :raises NotConfirmed: as ``_insist``."""

    def decide(entry: Entry | None) -> Definition:
        if readable(entry, wanted.name) != wanted:
            _insist(definitions.request, str(wanted.name), entry)
        return wanted

    definitions.put(wanted.name, decide, "restore")


def _insist(request: Request, named: str, entry: Entry | None) -> None:
    """:raises NotConfirmed: somebody stored something in the meantime, which nobody agreed to overwrite."""
    if entry is not None and not request.yes:
        raise NotConfirmed(_MEANWHILE.format(named))


COMMAND = Command(
    name="restore",
    usage=(("restore < FILE", "store what backup printed"),),
    run=restore,
    flags=("yes", "o"),
    reference=(
        "store the definitions, files, cordons and pauses that ``backup`` printed, and print which. The whole is"
        " checked before anything is stored. If something is stored otherwise now, nothing is done without ``-yes``;"
        " all else stays as it is",
    ),
)
