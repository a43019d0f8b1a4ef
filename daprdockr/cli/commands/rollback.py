# -*- test-case-name: tests.unit.cli.commands.test_history -*-
"""``rollback``: an earlier definition of a service is put in force again."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.request import Request
from daprdockr.cli.stored import readable
from daprdockr.cli.storing import storing
from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.history import Revision, Revisions
from daprdockr.model.wanted.definition import Definition


class NoWayBack(DaprdockrError):
    """It is not clear which revision to go back to."""


def rollback(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service, or no such revision.
    :raises NoWayBack: no revision was given, and none was healthy.
    """
    service = request.service
    assert service is not None
    with storing(request, store, console) as definitions:
        wanted = _put_back(request, service, definitions)
    console.print_json(wanted.write())


def _put_back(request: Request, service: ServiceName, definitions: Definitions) -> Definition:
    entry, found = definitions.known(service)
    target = _given(found, request.revision) if request.revision is not None else _best(found, entry)
    wanted = target.record.definition

    def decide(now: Entry | None) -> Definition:
        if now != entry and (now is None or now.value != wanted.encode()):
            raise NoWayBack(f"{service} was changed meanwhile: {_lists(service)}, try again")
        return wanted

    return definitions.put(service, decide, f"rollback to {target.number}")


def _given(found: Revisions, number: int) -> Revision:
    revision = found.find(number)
    if revision is not None:
        return revision
    if number in found.numbers:
        raise BadInput(f"revision {number} of {found.service} cannot be read by this version: choose another one")
    raise NotFound(f"revision {number} of {found.service} does not exist: {_lists(found.service)}")


def _best(found: Revisions, entry: Entry | None) -> Revision:
    """Return the revision to go back to: of a deleted service the last one, else the last good one that differs."""
    revision = found.newest if entry is None else found.newest_good(unlike=readable(entry, found.service))
    if revision is None:
        raise NoWayBack(
            f"no other revision of {found.service} was healthy as a whole: {_lists(found.service)}, and"
            f" daprdockrcmd rollback {found.service} REVISION goes back to one of them"
        )
    return revision


def _lists(service: ServiceName) -> str:
    return f"daprdockrcmd history {service} lists all"


COMMAND = Command(
    name="rollback",
    usage=(("rollback SERVICE [REVISION]", "put an earlier definition in force again"),),
    run=rollback,
    flags=("o",),
    only_json=True,
    word="SERVICE [REVISION]",
    reference=(
        "put a revision of ``history`` in force again, and print it: the given one, or the last one that was healthy"
        " and differs from what is stored now; of a deleted service the last one",
    ),
)
