# -*- test-case-name: tests.unit.cli.commands.test_volume -*-
"""The volumes of all nodes, as their agents have them; several are asked at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.side_by_side import side_by_side
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.frames import FrameKind
from daprdockr.model.known.view import ClusterView
from daprdockr.model.node_volumes import MOST_VOLUMES, NodeVolume, read_volumes
from daprdockr.model.seams import Store
from daprdockr.model.session import VolumesAsked
from daprdockr.model.stored.node import NodeRecord
from daprdockr.sessions.client import Sessions


def volumes_of_nodes(
    request: Request, store: Store, cluster: ClusterView, complain: Callable[[str], object]
) -> dict[str, list[NodeVolume]]:
    """
    Return the volumes by node, of those that answer.

    :param complain: takes one line about each of the others, and of those that have too many.
    """
    sessions = Sessions(store, request.keys, author(request), time.monotonic)
    found: dict[str, list[NodeVolume]] = {}
    nodes = cluster.nodes
    asked = side_by_side(lambda node: _of_node(sessions, node, nodes[node].record), nodes, lambda line: None)
    for node, answer in sorted(asked, key=lambda one: one[0]):
        try:
            found[node] = answer.result()
            if len(found[node]) >= MOST_VOLUMES:
                complain(f"only the first {MOST_VOLUMES} volumes of node {node}, by name, are listed")
        except DaprdockrError as error:
            complain(f"volumes of node {node} are not known: {error}")
    return found


def _of_node(sessions: Sessions, node: str, record: NodeRecord) -> list[NodeVolume]:
    session = sessions.open(node, VolumesAsked(), record)
    try:
        return read_volumes(b"".join(content for kind, content in session.frames() if kind is FrameKind.OUTPUT))
    finally:
        session.close()
