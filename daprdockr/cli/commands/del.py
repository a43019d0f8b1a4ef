# -*- test-case-name: tests.unit.cli.commands.test_delete -*-
# ruff: noqa: N999 (the module is called as the command is)
"""``-del``: delete a service."""

from __future__ import annotations

import time

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.seams import Store


def delete(request: Request, store: Store, console: Console) -> None:
    """Delete a definition, readable or not; its history is kept for a while."""
    assert request.service is not None
    Definitions(request, store, time.time).delete(request.service)
    announce(request, store, "deleted")
    if request.json:
        console.print_json({"Service": str(request.service), "Deleted": True})


def _check(request: Request) -> None:
    if request.service is None:
        raise BadInput("-del needs -svc <service>.<group>")


COMMAND = Command(
    name="del",
    usage=(("-del -svc SERVICE", "delete a service"),),
    run=delete,
    flags=("svc", "o"),
    check=_check,
)
