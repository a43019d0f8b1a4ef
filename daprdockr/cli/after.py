# -*- test-case-name: tests.unit.cli.commands.test_set -*-
"""The check of ``After`` before a definition is stored: its services exist, and none of them waits for this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daprdockr.cli.request import Request
from daprdockr.cli.stored import parse
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.wanted.definition import Definition

Graph = Mapping[ServiceName, Sequence[ServiceName]]
"""The services that each service waits for."""


def check_after(request: Request, store: Store, wanted: Definition, stored: Definition | None) -> None:
    """
    Check the services that ``After`` names and did not name before: one that was deleted since hinders no other change.

    :raises BadInput: one does not exist, or waits for this service, or this is a job.
    """
    if _new(wanted, stored):
        check_named(_after(request, store), wanted, stored)


def check_named(known: Graph, wanted: Definition, stored: Definition | None) -> None:
    """
    Do the same where it is known what exists, and what waits for what.

    :raises BadInput: as ``check_after``.
    """
    for one in _new(wanted, stored):
        if wanted.schedule is not None:  # what is stored by an earlier version stays readable
            raise BadInput("After does not go with Schedule: leave it out, a job waits for nothing")
        if one not in known:
            raise BadInput(f"After: {one} does not exist: define it first, or leave it out")
        if circle := _way(known, one, wanted.name):
            way = " waits for ".join(map(str, (wanted.name, *circle)))
            raise BadInput(f"After: {way}, so that none of them would start: leave one out")


def _new(wanted: Definition, stored: Definition | None) -> list[ServiceName]:
    """Return those that were not named before; all, if a service becomes a job or a job a service."""
    is_same = stored is not None and (stored.schedule is None) == (wanted.schedule is None)
    before = stored.after if stored is not None and is_same else ()
    return [one for one in wanted.after if one not in before]


def _after(request: Request, store: Store) -> Graph:
    found: dict[ServiceName, Sequence[ServiceName]] = {}
    for entry in store.list(request.keys.services).entries:
        try:
            name = request.keys.read(entry.key)
            if isinstance(name, ServiceName):
                found[name] = ()
                found[name] = parse(entry, name).after
        except BadInput:
            continue  # it exists, and what it waits for is not known
    return found


def _way(known: Graph, start: ServiceName, goal: ServiceName) -> Sequence[ServiceName]:
    """Return how ``start`` waits for ``goal``, both included, or nothing if it does not."""
    ways: dict[ServiceName, tuple[ServiceName, ...]] = {start: (start,)}
    ahead = [start]
    while ahead:
        at = ahead.pop()
        for one in known.get(at, ()):
            if one == goal:
                return (*ways[at], goal)
            if one not in ways:
                ways[one] = (*ways[at], one)
                ahead.append(one)
    return ()
