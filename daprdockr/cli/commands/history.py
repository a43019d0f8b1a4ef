"""``history``: the definitions that a service had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import show_local
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


def local_history(request: Request, console: Console) -> bool:
    return show_local(request, console, "history") is not None


def history(request: Request, store: Store, console: Console) -> None:
    """:raises NotFound: there is no such service, and no history of it."""
    from daprdockr.cli.definitions import Definitions
    from daprdockr.cli.snapshot import show
    from daprdockr.cli.stored import parse
    from daprdockr.model.errors import BadInput
    from daprdockr.picture.history import history_table

    service = request.service
    assert service is not None
    entry, found = Definitions(request, store, time.time).known(service)
    try:
        present = parse(entry, service) if entry is not None else None
    except BadInput as error:
        console.complain(str(error))
        present = None
    show(request, console, history_table(found, present))
    if request.json:
        return
    if entry is None:
        console.say(f"{service} is deleted: daprdockrcmd rollback {service} brings it back")
    elif present is not None and not found.ends_with(present):
        console.say("what is stored now is no revision yet: it becomes one with the next change")
    if more := len(found.numbers) - len(found.revisions):
        console.say(f"{more} more {'revision' if more == 1 else 'revisions'} cannot be read by this version")


COMMAND = Command(
    name="history",
    usage=(("history SERVICE", "revisions: the last ten definitions, and who stored them"),),
    run=history,
    local=local_history,
    flags=("o",),
    word="SERVICE",
    reference=(
        "the last ten definitions of the service: when they were stored and by whom, what they changed, and whether all"
        " instances were healthy with them. A deleted service has its history for 30 days",
    ),
)
