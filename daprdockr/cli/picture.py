"""The cluster as it is now, from one list of its keys, and how a command shows a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daprdockr.cli import views
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.cluster import Cluster
from daprdockr.model.entries import trial
from daprdockr.model.errors import BadInput, EtcdError, EtcdReadOnly, NotFound
from daprdockr.model.names import ServiceName

if TYPE_CHECKING:  # Why: it imports Twisted, which the command line has no other need of.
    from daprdockr.model.seams import Store


def picture(request: Request, store: Store) -> Cluster:
    """The cluster as it is now."""
    cluster = Cluster(request.keys)
    cluster.replace(store.list(request.keys.mirrored))
    return cluster


def refused_to_all(request: Request, store: Store) -> str:
    """
    Why no node can write to etcd, or "".

    Then none can say so in its record either. That etcd refuses us something says nothing of the nodes.
    """
    try:
        store.commit(*trial(*request.keys.trials))
    except EtcdReadOnly as error:
        return str(error)
    except EtcdError:
        pass
    return ""


def check_exists(cluster: Cluster, service: ServiceName) -> None:
    """:raises NotFound: there is no such service. :raises BadInput: its definition can not be read."""
    if cluster.is_held(service):
        raise BadInput(f"the stored definition of {service} is not usable: daprdockrcmd status says why")
    if service not in cluster.services:
        raise NotFound(f"{service} does not exist: daprdockrcmd status lists what does")


def show(request: Request, console: Console, table: views.Table) -> None:
    """Print a table for people, or its rows as JSON."""
    if request.json:
        console.print_json(list(table.rows))
    else:
        console.print_table(table.header, table.cells)
