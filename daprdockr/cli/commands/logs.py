"""``logs``: what the instances of a service log, on whichever nodes, in the order of time."""

from __future__ import annotations

import os
import threading
import time

from daprdockr.cli.claimed_places import ClaimedPlaces
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.log_streams import LogStreams
from daprdockr.cli.log_text import as_json, as_text, is_coloured, moment_of
from daprdockr.cli.merging import HOLD, Merging
from daprdockr.cli.request import Request
from daprdockr.cli.unread import when_unread
from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.session import LogsAsked
from daprdockr.sessions.client import SessionFailed, Sessions


def logs(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service or instance.
    :raises BadInput: it is a job.
    :raises SessionFailed: not all nodes sent all that they have.
    :raises BrokenPipeError: nobody reads what is printed of logs that are followed.
    """
    since = moment_of(request.since, time.time()) if request.since else 0.0

    def asked(instance: InstanceName) -> LogsAsked:
        return LogsAsked(instance, request.follow, request.tail, since, request.grep)

    claims, merging = ClaimedPlaces(request, store), Merging(time.monotonic, not request.follow, _hold(request))
    cluster = claims.read()
    claims.check(cluster)
    sessions = Sessions(store, request.keys, author(request), time.monotonic)
    streams = LogStreams(sessions, asked, merging, console.complain)
    streams.want(claims.places(cluster))
    if request.follow:

        def changed(cluster: object) -> None:
            streams.want(claims.places(cluster))  # type: ignore[arg-type]

        when_unread(console.stdout, merging.close)
        threading.Thread(target=claims.follow, args=(cluster, changed, console.complain), daemon=True).start()
    else:
        merging.expect_no_more()
    _print(merging, request, console)
    if request.follow:
        raise BrokenPipeError
    if streams.failures:
        raise SessionFailed(f"{streams.failures} of the logs are not whole, see above")


def _hold(request: Request) -> float:
    """A single instance has one stream, which nothing joins."""
    return HOLD if request.follow and not request.number else 0.0


def _print(merging: Merging, request: Request, console: Console) -> None:
    on_terminal = console.stdout.isatty()
    coloured = is_coloured(on_terminal, os.environ)
    for lines in merging.batches():
        if request.json:
            console.write(as_json(lines))
        else:
            console.write(as_text(lines, not request.number, on_terminal, coloured))


def _check(request: Request) -> None:
    if request.since:
        moment_of(request.since, 0.0)
    if "\n" in request.grep:
        raise BadInput("-grep: a line has no line feed in it, leave that out")


COMMAND = Command(
    name="logs",
    usage=(("logs INSTANCE|SERVICE", "what instances logged, merged over all nodes"),),
    run=logs,
    flags=("follow", "tail", "since", "grep", "o"),
    word="INSTANCE|SERVICE",
    check=_check,
    reference=(
        "print what the containers of a service, or of one instance, logged, on all nodes, in the order of time; those"
        " that have stopped too, as long as their node keeps them. A node that is lost is named on stderr, and the"
        " others go on. The lines of a service begin with the names of its instances, in colours on a terminal. In"
        " JSON each line is an object with its time and stream",
    ),
)
