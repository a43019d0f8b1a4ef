# -*- test-case-name: tests.unit.cli.commands.test_delete -*-
"""``delete``: services are deleted, or all services of a group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from daprdockr.cli.absent import NoSuchService, stored_services
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.confirmed import confirm
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.names import ServiceName, check_label
from daprdockr.model.seams import Store


def delete(request: Request, store: Store, console: Console) -> None:
    """
    Delete services, readable or not; asks first where a group is given.

    :raises NotFound: there is no such service or group; nothing is deleted.
    :raises NotConfirmed: nobody confirmed that a group goes.
    """
    found = sorted({one for word in request.words for one in _meant(word, request, store)})
    if any("." not in word for word in request.words):
        _confirm(found, request, console)
    done = list[ServiceName]()
    try:
        for service in found:
            with suppress(NotFound):  # somebody else was faster
                Definitions(request, store, time.time).delete(service)
                announce(request, store, "deleted", str(service))
            done.append(service)
            if not request.json:
                console.say(f"{service} is deleted")
    finally:  # what was done is said, whatever became of the rest
        if request.json:
            console.print_json([{"Service": str(service), "Deleted": True} for service in done])


def _meant(word: str, request: Request, store: Store) -> Sequence[ServiceName]:
    known = list(stored_services(request, store))
    if "." in word:
        service = ServiceName.parse(word)
        if service not in known:
            raise NoSuchService(service)
        return [service]
    if not (found := [one for one in known if one.group == word]):
        raise NotFound(f"there is no group {word}: daprdockrcmd status lists all services")
    return found


def _confirm(found: Sequence[ServiceName], request: Request, console: Console) -> None:
    count = f"{len(found)} {'service' if len(found) == 1 else 'services'}"
    what = f"{count} and all containers of {'it' if len(found) == 1 else 'them'}"
    if not request.yes and not request.json:
        for service in found:
            console.say(f"delete {service}")
    again = f"daprdockrcmd delete {' '.join(request.words)} -yes deletes {what}"
    confirm(request, console, f"{what} are deleted. Type yes to go on: ", again)


def _check(request: Request) -> None:
    if not request.words:
        raise BadInput("delete needs services, as in web.myapp, or groups: daprdockrcmd status lists them")
    for word in request.words:
        ServiceName.parse(word) if "." in word else check_label(word, "group")


COMMAND = Command(
    name="delete",
    usage=(("delete SERVICE|GROUP ...", "delete services, or all services of a group"),),
    run=delete,
    flags=("yes", "o"),
    word="SERVICE|GROUP ...",
    check=_check,
    reference=(
        "delete services, or all services of a group, which it lists. For a group it asks first, unless -yes is given."
        " Named volumes stay on their nodes, and ``rollback`` brings a service back for 30 days",
    ),
)
