"""``events``: what the agents reported lately."""

from __future__ import annotations

from daprdockr.cli import views
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import show
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.seams import Store
from daprdockr.model.stored.events import Event


def events(request: Request, store: Store, console: Console) -> None:
    """What cannot be read as an event is left out: events are for people, and nothing depends on them."""
    told = []
    for entry in store.list(request.keys.events).entries:
        if not entry.lease:
            continue
        try:
            told.append(Event.decode(entry.value))
        except BadInput:
            continue
    show(request, console, views.events(told))


COMMAND = Command(
    name="events",
    usage=(("events", "what the agents reported lately"),),
    run=events,
    flags=("o",),
)
