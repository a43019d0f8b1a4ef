# -*- test-case-name: tests.unit.cli.commands.test_status,tests.unit.cli.commands.test_nodes -*-
"""The cluster as it is now, from one list of its keys, and the output of a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.picture.doubts import read_doubts
from daprdockr.picture.rollouts import Rollouts, story
from daprdockr.picture.table import Table


def snapshot(request: Request, store: Store) -> Cluster:
    """Return the cluster as it is now."""
    return snapshot_with_rollouts(request, store)[0]


def snapshot_with_rollouts(request: Request, store: Store) -> tuple[Cluster, Rollouts]:
    """Return the cluster as it is now, and the rollouts that did not end well."""
    cluster, rollouts = Cluster(request.keys), Rollouts(request.keys)
    listing = store.list(request.keys.mirrored)
    cluster.replace(listing)
    rollouts.take(listing.entries)
    return cluster, rollouts


def doubts(request: Request, store: Store) -> dict[str, DoubtRecord]:
    """Return the reports of the nodes that doubt this etcd, by node."""
    place = request.keys.doubts
    return read_doubts(store.list(place).entries, place)


def check_exists(cluster: ClusterView, service: ServiceName) -> None:
    """
    :raises NoSuchService: there is none.
    :raises BadInput: its definition cannot be read.
    """
    if cluster.is_held(service):
        raise BadInput(f"the stored definition of {service} is not usable: daprdockrcmd status says why")
    if service not in cluster.services:
        raise NoSuchService(service)


def check_all_are_usable(cluster: ClusterView) -> None:
    """:raises BadInput: the definition of a service cannot be read, so that nothing says what is wanted of it."""
    usable = {cluster.keys.service(name) for name in cluster.services}
    for key in sorted(cluster.broken.keys() - usable):
        if key.startswith(cluster.keys.services):
            raise BadInput(f"the stored definition {key} is not usable: daprdockrcmd status says why")


_MOST_NAMED = 3


class RolloutStopped(DaprdockrError):
    """A rollout was reverted, or stands still."""


def check_rollouts(stopped: Mapping[ServiceName, RolloutRecord], say: Callable[[str], object]) -> None:
    """
    Say what instances logged whose rollouts were reverted, or stand still.

    :raises RolloutStopped: there is one.
    """
    for name, record in sorted(stopped.items()):
        for line in story(record):
            say(f"{name}: {line}")
    if stopped:
        raise RolloutStopped("; ".join(f"{name}: {record}" for name, record in sorted(stopped.items())[:_MOST_NAMED]))


def show(request: Request, console: Console, table: Table) -> None:
    """Print a table for people, or its rows as JSON."""
    if request.json:
        console.print_json(list(table.rows))
    else:
        console.print_table(table.header, table.cells)
