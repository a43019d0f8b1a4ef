"""``cordon``: the operator's request that a node takes no more instances, and keeps those that it has."""

from __future__ import annotations

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.model.seams import Store


def cordon(request: Request, store: Store, console: Console) -> None:
    """
    Cordon a node; one that is drained keeps from now on what has not left it.

    :raises NotFound: no such node.
    """
    node, cluster = request.node, snapshot(request, store)
    if node not in cluster.nodes:
        raise no_such_node(node, cluster.nodes)
    store.put(request.keys.cordon(node), b"")
    announce(request, store, "cordoned", node)
    if request.json:
        console.print_json({"Node": node, "Cordoned": True, "Draining": False})
        return
    ends = ", its drain has ended" if node in cluster.draining else ""
    console.say(f"{node} takes no more instances, and keeps the {cluster.loads[node]} that it has{ends}")


COMMAND = Command(
    name="cordon",
    usage=(("cordon NODE", "give the node no more instances, and leave those it has"),),
    run=cordon,
    flags=("o",),
    word="NODE",
    reference=(
        "give the node no more instances; those it has stay, also when it is drained at the time and some have not left"
        " yet",
    ),
)
