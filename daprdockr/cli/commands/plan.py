# -*- test-case-name: tests.unit.cli.commands.test_apply -*-
"""``plan``: the changes that ``apply`` would make, with a check revision that it can insist on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.intended import intended, needs_files
from daprdockr.cli.request import Request
from daprdockr.model.known.view import ClusterView
from daprdockr.model.seams import Store
from daprdockr.picture.intent import ChangeKind, Intent, check_revision, steps, taken_lines, written
from daprdockr.picture.wrapped import wrapped

MOST_STEPS = 10
"""Instances of one service that people are shown; ``-o json`` has all."""


def plan(request: Request, store: Store, console: Console) -> None:
    """:raises BadInput: a definition cannot be used; all that cannot are reported."""
    intents, cluster = intended(request, store, console)
    if request.json:
        console.print_json(written(intents, cluster))
        return
    for line in _lines(intents, cluster):
        console.say(line)


def _lines(intents: Sequence[Intent], cluster: ClusterView) -> Iterator[str]:
    todo = [one for one in intents if one.action is not ChangeKind.NOTHING]
    for one in todo:
        yield from said(one)
        yield from _steps(one, cluster)
    same = len(intents) - len(todo)
    if same or not todo:
        yield f"{same} {'service is' if same == 1 else 'services are'} as given already"
    for line in taken_lines(intents, cluster):
        yield from wrapped(line, "", " " * 7)
    if todo:
        yield f"check revision: {check_revision(intents)}"


def said(intent: Intent) -> list[str]:
    """Return the lines for a change of one service."""
    first = f"{intent.action.value:<6} {intent.name}"
    return wrapped(str(intent), f"{first}: ", " " * 7)


def _steps(intent: Intent, cluster: ClusterView) -> Iterator[str]:
    found = [f"{name} {step}" for name, step in steps(intent, cluster)]
    for line in found[:MOST_STEPS]:
        yield from wrapped(line, " " * 7, " " * 9)
    if len(found) > MOST_STEPS:
        yield f"       and {len(found) - MOST_STEPS} more"


COMMAND = Command(
    name="plan",
    usage=(("plan -f FILE", "the changes that apply would make, instance by instance"),),
    run=plan,
    flags=("f", "profile", "incomplete", "prune", "o"),
    check=needs_files,
    reference=(
        "the changes that ``apply`` would make: which services are created, rolled (with the old container beside the"
        " new one, or stopped first and why), scaled, changed without a restart, or deleted, and which instances are"
        " concerned, on which nodes; the ports and host names that a service will lack, because an older one has them;"
        " and a check revision for ``apply -check``",
    ),
)
