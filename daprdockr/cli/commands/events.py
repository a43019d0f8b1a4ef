"""``events``: the recent reports of the agents, what people did, and those that come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import rows_of_agent, show_local
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

if TYPE_CHECKING:
    from daprdockr.model.seams import Store
    from daprdockr.picture.events import EventsAsked
    from daprdockr.picture.table import Row

_LEAST = (20, 10, 16, 0)
"""The least widths of the columns, where it is not known yet what comes."""


def local_events(request: Request, console: Console) -> bool:
    if request.follow:
        return False
    if request.words or request.since:
        only = evolve(request, service=_asked(request).service)
        rows = rows_of_agent(only, console, "events", f"{_begins(request):f}")
        if rows is not None:
            _show(rows, request, console)
        return rows is not None
    found = show_local(request, console, "events")
    for line in () if found is None or request.json else found["Lines"]:
        console.say(line)
    return found is not None


def events(request: Request, store: Store, console: Console) -> None:
    from daprdockr.picture.events import event_table

    if request.follow:
        _follow(request, store, console)
    else:
        entries = store.list(_places(request, store)).entries
        _show(event_table(request.keys, entries, _begins(request)).rows, request, console)


def _show(rows: Sequence[Row], request: Request, console: Console) -> None:
    from daprdockr.cli.snapshot import show
    from daprdockr.picture.events import COLUMNS, latest_lines
    from daprdockr.picture.table import Table

    table = Table(_asked(request).take(rows), COLUMNS)
    show(request, console, table)
    if request.words and not table.rows:
        console.complain(f"there is no event about {shorten(request.words[0])}")
    if not request.json:
        for line in latest_lines(table):
            console.say(line)


def _places(request: Request, store: Store) -> tuple[str, ...]:
    from daprdockr.picture.events import places, stored_revisions

    only = _asked(request).service
    known = {} if only else stored_revisions(request.keys, store.list(request.keys.services).entries)
    return places(request.keys, known, only)


def _begins(request: Request) -> float:
    from daprdockr.picture.events import begins

    return begins(_asked(request).since, time.time())


def _follow(request: Request, store: Store, console: Console) -> None:
    """:raises BrokenPipeError: nobody reads what is printed."""
    from daprdockr.cli.event_stream import EventStream
    from daprdockr.cli.unread import when_unread
    from daprdockr.picture.events import COLUMNS
    from daprdockr.picture.table import Table

    asked = _asked(request)
    stream = EventStream(
        store,
        request.keys,
        time.monotonic,
        time.sleep,
        console.complain,
        places=lambda: _places(request, store),
        since=_begins(request),
    )
    when_unread(console.stdout, stream.close)
    if not request.json:
        console.print_rows([Table((), COLUMNS).header], _LEAST)
    for batch in stream:
        table = Table(asked.take([event.write() for event in batch]), COLUMNS)
        if request.json:
            console.print_json_lines(table.rows)
        else:
            console.print_rows(table.cells, _LEAST)
    raise BrokenPipeError


def _asked(request: Request) -> EventsAsked:
    from daprdockr.cli.log_text import moment_of
    from daprdockr.picture.events import EventsAsked

    since = moment_of(request.since, time.time()) if request.since else 0.0
    return EventsAsked(request.keys, "".join(request.words), since)


def _check(request: Request) -> None:
    if len(request.words) > 1:
        raise BadInput(f"{shorten(request.words[1])} has no use with events: leave it out")
    if request.words or request.since:
        _asked(request).check()


COMMAND = Command(
    name="events",
    usage=(("events [-f] [NAME]", "what the agents reported lately, of NAME or of all; with -f also what comes"),),
    run=events,
    local=local_events,
    flags=("follow", "since", "o"),
    word="[INSTANCE|SERVICE|NODE|IMAGE]",
    check=_check,
    reference=(
        "what agents reported in the last half hour to hour: values in etcd that cannot be read, host names that two"
        " services claim, images that cannot be pulled, containers that cannot start, or that ended by themselves,"
        " with the last lines that they logged, instances that are unhealthy or healthy again, a Docker Engine or"
        " nginx that fails for a while, nodes that are gone or back, and agents that were stopped or started again;"
        " and what people did, commands, connections, copies of volumes and pushed images too, with the changes of"
        " definitions in the last hour, or since ``-since``, of the 100 services that were stored last. Of all, or of"
        " NAME: a service with its instances, one instance, a node, or an image, by its name and tag. With ``-f`` it"
        " goes on with those that come, also after an outage of etcd: a line each, in JSON an object each",
    ),
)
