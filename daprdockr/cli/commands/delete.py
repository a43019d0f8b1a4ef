"""``-del``: delete a service."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.stored import change
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Entry, Operation


def delete(request: Request, store: Store, console: Console) -> None:
    """Delete a definition, readable or not."""
    assert request.service is not None
    key = request.keys.service(request.service)

    def decide(entry: Entry | None) -> Operation:
        if entry is None:
            raise NotFound(f"{request.service} does not exist: nothing to delete")
        return Delete(key)

    change(store, key, decide)


def _check(request: Request) -> None:
    if request.service is None:
        raise BadInput("-del needs -svc <service>.<group>")


COMMAND = Command(
    name="del",
    usage=(("-del -svc SERVICE", "delete a service"),),
    run=delete,
    flags=("svc",),
    check=_check,
)
