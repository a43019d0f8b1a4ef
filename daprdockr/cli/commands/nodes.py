"""``nodes``: the nodes of the cluster."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import show_local
from daprdockr.cli.request import Request
from daprdockr.model.errors import EtcdError

if TYPE_CHECKING:
    from daprdockr.model.etcd_member import EtcdMember
    from daprdockr.model.seams import Store


def local_nodes(request: Request, console: Console) -> bool:
    found = show_local(request, console, "nodes")
    if found is not None and not request.json:
        console.say_doubts(found["Doubts"])
    return found is not None


def nodes(request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.snapshot import doubts, show, snapshot
    from daprdockr.etcd.trying import refused_to_all
    from daprdockr.picture.nodes import node_table

    doubted = {node: record.reason for node, record in doubts(request, store).items()}
    cluster, refused = snapshot(request, store), refused_to_all(store, request.keys)
    members = _members(request) if any(node.record.etcd for node in cluster.nodes.values()) else ()
    show(request, console, node_table(cluster, refused, doubted, members))
    if not request.json:
        console.say_doubts(doubted)


def _members(request: Request) -> tuple[EtcdMember, ...]:
    """Return the members of etcd; none if it does not say."""
    from daprdockr.etcd.etcd_members import EtcdMembers

    assert request.access is not None, "nodes reads etcd"
    try:
        with closing(EtcdMembers(request.access)) as etcd:
            return etcd.list()
    except EtcdError:
        return ()


COMMAND = Command(
    name="nodes",
    usage=(("nodes", "nodes: addresses, labels, load"),),
    run=nodes,
    local=local_nodes,
    flags=("o",),
    reference=(
        "nodes that hold a lease: whether they are ready for instances (three good beats and an Engine that "
        "answers) and why not, addresses, number of instances, cordoned or draining, labels, version; the "
        "services (or all) that do not start there, or why it cannot write to etcd. Where ``init`` made etcd: what the "
        "member of each node does there, and the nodes that have one and do not report (``lost``), or whose member has "
        "not begun (``awaited``), with what to do",
    ),
)
