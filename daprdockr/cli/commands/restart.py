# -*- test-case-name: tests.unit.cli.commands.test_history -*-
"""``restart``: other containers for a service, of the same definition."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from attrs import evolve

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.stored import existing
from daprdockr.cli.storing import storing
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.wanted.definition import Definition


def restart(request: Request, store: Store, console: Console) -> None:
    """:raises NotFound: there is no such service."""
    service = request.service
    assert service is not None
    now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def decide(entry: Entry | None) -> Definition:
        return evolve(existing(entry, service), restarted=now)

    with storing(request, store, console) as definitions:
        wanted = definitions.put(service, decide, "restart")
    console.print_json(wanted.write())


COMMAND = Command(
    name="restart",
    usage=(("restart SERVICE", "pull the image again and replace all containers"),),
    run=restart,
    flags=("o",),
    only_json=True,
    word="SERVICE",
    reference=(
        "replace all containers of the service as if its definition had changed, and print the definition: each node"
        " pulls the image again before, so that a tag that moved takes effect",
    ),
)
