"""``uncordon``: the end of a drain."""

from __future__ import annotations

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete


def uncordon(request: Request, store: Store, console: Console) -> None:
    """
    Uncordon a node. One that is not cordoned is no error, so that a script may run again.

    :raises NotFound: there is neither such a node nor a cordon of one that is away.
    """
    key, node, how = request.keys.cordon(request.node), request.node, "again"
    if store.get(key) is None:
        known = snapshot(request, store).nodes
        if node not in known:
            raise no_such_node(node, known)
        how = "already"
    else:
        store.commit([], [Delete(key)])
        announce(request, store, "takes instances again", node)
    if request.json:
        console.print_json({"Node": node, "Cordoned": False})
    else:
        console.say(f"{node} takes instances {how}")


COMMAND = Command(
    name="uncordon",
    usage=(("uncordon NODE", "let the node take instances again"),),
    run=uncordon,
    flags=("o",),
    word="NODE",
    reference=("let the node take instances again; those that have not left yet stay",),
)
