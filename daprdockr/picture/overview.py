# -*- test-case-name: tests.unit.picture.test_tables -*-
"""The whole cluster on one page: the services, the number of nodes, and what is wrong with any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from attrs import field, frozen

from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.picture.certificates import ending
from daprdockr.picture.etcd_room import room_row
from daprdockr.picture.nodes import ailing, dark
from daprdockr.picture.services import StoppedRollouts, service_table
from daprdockr.picture.table import Row, Table


@frozen
class Overview:
    """
    :ivar nodes: how many hold a lease.
    :ivar broken: stored values that cannot be read.
    :ivar dark: the nodes on which nothing starts, each with the reason.
    :ivar ailing: what is wrong with parts of nodes that take instances nevertheless, by component.
    :ivar refused: the write that etcd refuses all nodes.
    :ivar doubted: why nodes are frozen.
    :ivar etcd: the room in etcd, as an agent knows it; None: nobody has looked.
    :ivar certificates: those that are missing, end soon, have ended, or cannot be used or had; each with the reason.
    :ivar mute: one line for each node that runs, and can claim and report nothing.
    """

    nodes: int
    services: Table
    broken: Sequence[Row]
    dark: Mapping[str, str]
    ailing: Mapping[str, Mapping[str, str]]
    refused: str
    doubted: Mapping[str, str]
    mute: Sequence[str]
    etcd: KnownRoom | None = None
    certificates: Mapping[str, str] = field(factory=dict)

    def write(self) -> Row:
        """Return the form for programs."""
        return {
            "Nodes": self.nodes,
            "Services": list(self.services.rows),
            "Broken": list(self.broken),
            "Dark": dict(self.dark),
            "Ailing": {node: dict(parts) for node, parts in self.ailing.items()},
            "Certificates": dict(self.certificates),
            "Refused": self.refused,
            "Doubts": dict(self.doubted),
            "Etcd": None if self.etcd is None else room_row(self.etcd),
        }


def overview(
    cluster: ClusterView,
    refused: str = "",
    doubted: Mapping[str, str] = MappingProxyType({}),
    stopped: StoppedRollouts = MappingProxyType({}),
    only: ServiceName | None = None,
    etcd: KnownRoom | None = None,
    certificates: Iterable[Row] = (),
) -> Overview:
    """
    Return the overview.

    :param only: the one service that is meant.
    :param stopped: the rollouts that did not end well.
    :param refused: the write that etcd refuses all nodes, though none can report it.
    :param doubted: why nodes are frozen.
    :param etcd: the room in etcd, as an agent knows it.
    :param certificates: the rows of their table.
    """
    nodes = sorted(cluster.nodes.items())
    unwritable = [name for name, node in nodes if node.record.refused]
    mute = {*unwritable, *doubted}
    return Overview(
        nodes=len(nodes),
        services=service_table(cluster, stopped, only),
        broken=[{"Key": item.key, "Reason": item.reason} for _, item in sorted(cluster.broken.items())],
        dark=dark(cluster, mute),
        ailing=ailing(cluster, mute),
        refused=refused,
        doubted=doubted,
        mute=[f"node {name} {node.record.refused}" for name, node in nodes if node.record.refused]
        + [f"node {name} is frozen" for name in sorted(doubted)],
        etcd=etcd,
        certificates=ending(certificates),
    )
