"""The commands that show the cluster: one list of its keys, one picture of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daprdockr.cli import views
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.cluster import Cluster
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.events import Event
from daprdockr.model.names import ServiceName

if TYPE_CHECKING:  # Why: it imports Twisted, which the command line has no other need of.
    from daprdockr.model.seams import Store


def status(request: Request, store: Store, console: Console) -> None:
    """Services, the number of nodes, and definitions or records that can not be read."""
    cluster = picture(request, store)
    table = views.services(cluster)
    broken = [{"Key": item.key, "Reason": item.reason} for _, item in sorted(cluster.broken.items())]
    if request.json:
        console.print_json({"Nodes": len(cluster.nodes), "Services": list(table.rows), "Broken": broken})
        return
    console.say(f"nodes: {len(cluster.nodes)}")
    console.print_table(table.header, table.cells)
    for item in broken:
        console.say(f"not usable: {item['Key']}: {item['Reason']}")


def ps(request: Request, store: Store, console: Console) -> None:
    cluster = picture(request, store)
    if request.service is not None and not cluster.claims(request.service):
        check_exists(cluster, request.service)
    _show(request, console, views.instances(cluster, request.service))


def nodes(request: Request, store: Store, console: Console) -> None:
    _show(request, console, views.nodes(picture(request, store)))


def events(request: Request, store: Store, console: Console) -> None:
    """What can not be read as an event is left out: events are for people, and nothing depends on them."""
    told = []
    for entry in store.list(request.keys.events).entries:
        try:
            told.append(Event.decode(entry.value))
        except BadInput:
            continue
    _show(request, console, views.events(told))


def picture(request: Request, store: Store) -> Cluster:
    """The cluster as it is now."""
    cluster = Cluster(request.keys)
    cluster.replace(store.list(request.keys.mirrored))
    return cluster


def check_exists(cluster: Cluster, service: ServiceName) -> None:
    """:raises NotFound: there is no such service. :raises BadInput: its definition can not be read."""
    if cluster.is_held(service):
        raise BadInput(f"the stored definition of {service} is not usable: daprdockrcmd status says why")
    if service not in cluster.services:
        raise NotFound(f"{service} does not exist: daprdockrcmd status lists what does")


def _show(request: Request, console: Console, table: views.Table) -> None:
    if request.json:
        console.print_json(list(table.rows))
    else:
        console.print_table(table.header, table.cells)
