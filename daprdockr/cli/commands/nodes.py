"""``nodes``: the nodes of the cluster."""

from __future__ import annotations

from daprdockr.cli import views
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import picture, refused_to_all, say_doubts, show
from daprdockr.cli.request import Request
from daprdockr.model.seams import Store


def nodes(request: Request, store: Store, console: Console) -> None:
    show(request, console, views.nodes(picture(request, store), refused_to_all(request, store)))
    if not request.json:
        say_doubts(request, store, console)


COMMAND = Command(
    name="nodes",
    usage=(("nodes", "nodes: addresses, labels, load"),),
    run=nodes,
    flags=("o",),
)
