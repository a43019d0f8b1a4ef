"""``pause``: an operator's request that no HTTP request reaches a service."""

from __future__ import annotations

import time

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.given_value import read_given
from daprdockr.cli.request import Request
from daprdockr.cli.stored import existing
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.names import shorten
from daprdockr.model.seams import Store
from daprdockr.model.stored.pause import MAX_PAGE, PauseMode, PauseRecord, check_page


class NothingToPause(DaprdockrError):
    """No HTTP request leads to the service."""


def pause(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: the file is no page.
    :raises NotFound: there is no such service.
    :raises NothingToPause: it has no ``Http``.
    """
    service = request.service
    assert service is not None
    page = _page(request.file, console) if request.file else ""
    definition = existing(store.get(request.keys.service(service)), service)
    if not definition.http:
        ends = "scale it to 0" if definition.schedule is None else "delete it (rollback brings it back)"
        raise NothingToPause(f"{service} has no Http, and nothing else can be paused: to stop it, {ends}")
    mode = PauseMode.MAINTENANCE if request.maintenance else PauseMode.HOLD
    record = PauseRecord(mode, page, time.time(), author(request))
    store.put(request.keys.pause(service), record.encode())
    announce(request, store, str(record))
    if request.json:
        console.print_json({"Service": str(service), "Paused": mode.value})
    elif request.maintenance:
        console.say(f"{service} is under maintenance: its HTTP requests get 503 at once")
    else:
        console.say(f"{service} is paused: its HTTP requests wait 30 s at most, then get 503")


def _page(name: str, console: Console) -> str:
    """:raises BadInput: it cannot be read, or is none."""
    data = read_given(name, console, MAX_PAGE, file="page", content="page")
    try:
        return check_page(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadInput(f"the page {shorten(name)} is not UTF-8: write it in UTF-8") from None


def _check(request: Request) -> None:
    if request.file and not request.maintenance:
        raise BadInput(f"{shorten(request.file)} has no use with pause unless it is a page: add -maintenance")


COMMAND = Command(
    name="pause",
    usage=(
        (
            "pause SERVICE [-maintenance [FILE]]",
            "let HTTP requests wait until resume, 30 s at most; DNS, TCP and UDP go on",
        ),
    ),
    run=pause,
    flags=("maintenance", "o"),
    word="SERVICE [FILE]",
    check=_check,
    reference=(
        "let each HTTP request for the service wait until it is resumed, 30 s at most, then it gets 503; or with"
        " ``-maintenance`` answer each at once. This holds on all nodes for all entries of ``Http``, whatever the"
        " definition becomes, until ``resume``. DNS, health checks, ``Tcp`` and ``Udp`` go on. Requests that an"
        " instance already works on are finished",
    ),
)
