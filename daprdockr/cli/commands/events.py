"""``events``: the recent reports of the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import show_local
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


def local_events(request: Request, console: Console) -> bool:
    found = show_local(request, console, "events")
    for line in () if found is None or request.json else found["Lines"]:
        console.say(line)
    return found is not None


def events(request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.snapshot import show
    from daprdockr.picture.events import event_table, latest_lines

    table = event_table(store.list(request.keys.events).entries)
    show(request, console, table)
    if not request.json:
        for line in latest_lines(table):
            console.say(line)


COMMAND = Command(
    name="events",
    usage=(("events", "what the agents reported lately"),),
    run=events,
    local=local_events,
    flags=("o",),
    reference=(
        "what agents reported in the last half hour to hour: values in etcd that cannot be read, host names "
        "that two services claim, images that cannot be pulled, containers that cannot start, or "
        "that ended by themselves, with the last lines that they logged",
    ),
)
