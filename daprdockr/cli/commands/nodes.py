"""``nodes``: the nodes of the cluster."""

from __future__ import annotations

from daprdockr.cli import views
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import doubts, picture, refused_to_all, say_doubts, show
from daprdockr.cli.request import Request
from daprdockr.model.seams import Store


def nodes(request: Request, store: Store, console: Console) -> None:
    doubted = {node: record.reason for node, record in doubts(request, store).items()}
    show(request, console, views.nodes(picture(request, store), refused_to_all(request, store), doubted))
    if not request.json:
        say_doubts(doubted, console)


COMMAND = Command(
    name="nodes",
    usage=(("nodes", "nodes: addresses, labels, load"),),
    run=nodes,
    flags=("o",),
)
