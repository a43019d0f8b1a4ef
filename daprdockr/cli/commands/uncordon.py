"""``uncordon``: the end of a drain."""

from __future__ import annotations

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import NotFound
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete


def uncordon(request: Request, store: Store, console: Console) -> None:
    """:raises NotFound: the node is not cordoned."""
    key = request.keys.cordon(request.node)
    if store.get(key) is None:
        raise NotFound(f"node {request.node} is not cordoned: daprdockrcmd nodes says which are")
    store.commit([], [Delete(key)])
    announce(request, store, "takes instances again", request.node)
    if request.json:
        console.print_json({"Node": request.node, "Cordoned": False})
    else:
        console.say(f"{request.node} takes instances again")


COMMAND = Command(
    name="uncordon",
    usage=(("uncordon NODE", "let the node take instances again"),),
    run=uncordon,
    flags=("o",),
    word="NODE",
    reference=("let the node take instances again; those that have not left yet stay",),
)
