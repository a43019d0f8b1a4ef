"""``nodes``: the nodes of the cluster."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import doubts, refused_to_all, say_doubts, show, snapshot
from daprdockr.model.seams import Store
from daprdockr.picture.nodes import node_table


def nodes(request: Request, store: Store, console: Console) -> None:
    doubted = {node: record.reason for node, record in doubts(request, store).items()}
    show(request, console, node_table(snapshot(request, store), refused_to_all(request, store), doubted))
    if not request.json:
        say_doubts(doubted, console)


COMMAND = Command(
    name="nodes",
    usage=(("nodes", "nodes: addresses, labels, load"),),
    run=nodes,
    flags=("o",),
    reference=(
        "nodes that hold a lease: whether they are ready for instances (three good beats and an Engine that "
        "answers) and why not, addresses, number of instances, cordoned or draining, labels, version; the "
        "services (or all) that do not start there, or why it cannot write to etcd",
    ),
)
