# -*- test-case-name: tests.unit.cli.commands.test_apply -*-
"""From files to intents, for ``apply``, ``plan`` and ``diff``: all is checked before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from daprdockr.cli.after import check_named
from daprdockr.cli.compose_given import ComposeGiven
from daprdockr.cli.console import Console
from daprdockr.cli.documents import Given, read_definitions
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.cli.stored import as_restarted
from daprdockr.model.errors import BadInput
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.picture.intent import Intent


def intended(request: Request, store: Store, console: Console) -> tuple[Sequence[Intent], ClusterView]:
    """
    Return the intents in the order in which they are carried out, and the cluster as it is.

    :raises BadInput: a definition cannot be used. The others that cannot are reported before.
    """
    compose = ComposeGiven(request, console)
    given, wrong = read_definitions(request.files, console.stdin, compose)
    cluster = snapshot(request, store)
    compose.complain_of_unset(cluster.values)
    pruned = _pruned(request.prune, given, cluster) if request.prune and not wrong else []
    intents = [*(_intent(cluster, one) for one in given), *(_deletion(cluster, name) for name in pruned)]
    wrong += list(_wrong_after(given, intents, cluster))
    if wrong:
        for error in wrong[:-1]:
            console.complain(str(error))
        raise wrong[-1]
    return in_order(intents), cluster


def _intent(cluster: ClusterView, given: Given) -> Intent:
    name = given.definition.name
    stored = cluster.services.get(name)
    before = stored.definition if stored is not None else None
    wanted = cluster.values.stamped(as_restarted(given.definition, before))
    revision = _revision(cluster, name)
    made = any(claim.record.container for claim in cluster.claims(name).values())
    return Intent(name, before, wanted, revision, given.place, fresh=before is not None and not made)


def _deletion(cluster: ClusterView, name: ServiceName) -> Intent:
    stored = cluster.services.get(name)
    return Intent(name, stored.definition if stored else None, None, _revision(cluster, name))


def _revision(cluster: ClusterView, name: ServiceName) -> int:
    """Return the mod revision of a definition, readable or not; 0: there is none."""
    broken = cluster.broken.get(cluster.keys.service(name))
    if broken is not None:
        return broken.revision
    return cluster.services[name].revision if name in cluster.services else 0


def _pruned(group: str, given: Iterable[Given], cluster: ClusterView) -> list[ServiceName]:
    """:raises BadInput: nothing is of the group, or no definition is, so that all of it would be deleted."""
    names, stored = {one.definition.name for one in given}, {*cluster.services, *_held(cluster)}
    if not any(name.group == group for name in {*names, *stored}):
        raise BadInput(f"-prune {group}: there is no such group")
    if not any(name.group == group for name in names):
        raise BadInput(
            f"-prune {group} would delete the whole group, because no definition is of it: daprdockrcmd delete {group}"
            " does that"
        )
    return sorted(name for name in stored if name.group == group and name not in names)


def _held(cluster: ClusterView) -> list[ServiceName]:
    """Return the services whose definitions exist and cannot be read."""
    found = []
    for key in cluster.broken:
        with suppress(BadInput):
            name = cluster.keys.read(key)
            found += [name] if isinstance(name, ServiceName) else []
    return found


def _wrong_after(given: Iterable[Given], intents: Iterable[Intent], cluster: ClusterView) -> Iterable[BadInput]:
    known: dict[ServiceName, Sequence[ServiceName]] = {name: () for name in _held(cluster)}
    known |= {name: one.definition.after for name, one in cluster.services.items()}
    known |= {one.name: one.wanted.after for one in intents if one.wanted is not None}
    for intent in intents:
        if intent.wanted is None:
            del known[intent.name]
    for one in given:
        stored = cluster.services.get(one.definition.name)
        try:
            check_named(known, one.definition, stored.definition if stored else None)
        except BadInput as error:
            yield BadInput(f"{one.place}: {error}")


def in_order(intents: Sequence[Intent]) -> list[Intent]:
    """Return the intents with each behind those that its ``After`` names, and deletions at the end."""
    stored = {one.name: one for one in intents if one.wanted is not None}
    graph = {name: [a for a in one.wanted.after if a in stored] if one.wanted else [] for name, one in stored.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:  # stored so before: the agents say so
        order = list(stored)
    return [*(stored[name] for name in order), *(one for one in intents if one.wanted is None)]


def needs_files(request: Request) -> None:
    """Check that a request says where the definitions are; an empty name would be that of the working directory."""
    if not request.files:
        raise BadInput(f"{request.command} needs -f: a file with definitions, a directory, or - for stdin")
    if "" in request.files:
        raise BadInput("-f names no file: give one with definitions, a directory, or - for stdin")
