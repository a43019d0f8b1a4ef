"""``-get``: print stored definitions."""

from __future__ import annotations

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.stored import parse
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store


def get(request: Request, store: Store, console: Console) -> None:
    """Print one definition, or all of them as a list."""
    if request.service is None:
        _get_all(request, store, console)
        return
    entry = store.get(request.keys.service(request.service))
    if entry is None:
        raise NoSuchService(request.service)
    console.print_json(parse(entry, request.service).write())


def _get_all(request: Request, store: Store, console: Console) -> None:
    found, broken = [], 0
    for entry in store.list(request.keys.services).entries:
        try:
            name = request.keys.read(entry.key)
            if isinstance(name, ServiceName):
                found.append(parse(entry, name).write())
        except BadInput as error:
            broken += 1
            console.complain(f"{entry.key}: {error}")
    console.print_json(found)
    if broken:
        raise BadInput(f"{broken} of the stored definitions cannot be used and are left out")


COMMAND = Command(
    name="get",
    usage=(("[-get] [-svc SERVICE]", "print a definition, or a list of all"),),
    run=get,
    flags=("svc", "o"),
    only_json=True,
    reference=("print the definition of ``-svc``, or a list of all services",),
)
