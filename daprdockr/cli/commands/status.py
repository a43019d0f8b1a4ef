"""``status``: the services of the cluster, and what is not usable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daprdockr.cli import views
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import doubts, picture, refused_to_all, say_doubts
from daprdockr.cli.request import Request
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Store


class Mute(DaprdockrError):
    """Nodes run, and can claim and report nothing."""


def status(request: Request, store: Store, console: Console) -> None:
    """
    Services, the number of nodes and those on which nothing starts, and what cannot be read.

    :raises Mute: nodes cannot write to etcd, or doubt it. It comes after everything else.
    """
    cluster, refused = picture(request, store), refused_to_all(request, store)
    doubted = {node: record.reason for node, record in doubts(request, store).items()}
    table = views.services(cluster)
    broken = [{"Key": item.key, "Reason": item.reason} for _, item in sorted(cluster.broken.items())]
    if request.json:
        whole = {"Nodes": len(cluster.nodes), "Services": list(table.rows), "Broken": broken}
        console.print_json({**whole, "Dark": views.dark(cluster), "Refused": refused, "Doubts": doubted})
    else:
        say_doubts(doubted, console)
        _print(console, cluster, table, broken)
    mute = [f"node {name} {node.record.refused}" for name, node in sorted(cluster.nodes.items()) if node.record.refused]
    mute += [f"node {name} is frozen" for name in sorted(doubted)]
    if refused or mute:
        raise Mute(refused or "; ".join(mute))


def _print(console: Console, cluster: Cluster, table: views.Table, broken: Sequence[Mapping[str, str]]) -> None:
    console.say(f"nodes: {len(cluster.nodes)}")
    console.print_table(table.header, table.cells)
    for node, reason in views.dark(cluster).items():
        console.say(f"nothing starts on {node}: {reason}")
    for item in broken:
        console.say(f"not usable: {item['Key']}: {item['Reason']}")


COMMAND = Command(
    name="status",
    usage=(("status", "services: wanted, running and healthy instances"),),
    run=status,
    flags=("o",),
)
