# -*- test-case-name: tests.unit.cli.commands.test_volume -*-
"""The named volumes of instances: the node that has each, and whether the instance runs with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.node_volumes import NodeVolume
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.picture.table import Column, Row, Table

COLUMNS: tuple[Column, ...] = (
    ("NODE", lambda row: row["Node"]),
    ("VOLUME", lambda row: row["Volume"]),
    ("INSTANCE", lambda row: row["Instance"]),
    ("STATE", lambda row: row["State"]),
)


def volume_table(cluster: ClusterView, found: Mapping[str, Iterable[NodeVolume]]) -> Table:
    """
    Return each volume of an instance, and each other one, sorted by node and volume.

    :param found: the named volumes of the nodes that answered.
    """
    rows = [row for name in cluster.with_volumes for row in _rows(cluster, name)]
    known = {(row["Node"], row["Volume"]) for row in rows}
    others = ((node, one) for node, volumes in found.items() for one in volumes)
    rows += [_other(node, one) for node, one in others if (node, one.name) not in known]
    return Table(sorted(rows, key=lambda row: (row["Node"], row["Volume"], row["Instance"])), COLUMNS)


def _other(node: str, volume: NodeVolume) -> Row:
    state = "in use" if volume.users else "unused"
    return {"Node": node, "Volume": volume.name, "Instance": ",".join(volume.users), "State": state}


def _rows(cluster: ClusterView, service: ServiceName) -> Iterator[Row]:
    for number, stored in cluster.volumes(service).items():
        state = _state(cluster, service, number, stored)
        node, volumes = stored.record.node, stored.record.volumes
        if not stored.record.is_readable:
            node, volumes = "", _wanted(cluster, service)
        for volume in volumes:
            instance = str(InstanceName(service, number))
            yield {"Node": node, "Volume": volume, "Instance": instance, "State": state}


def _wanted(cluster: ClusterView, service: ServiceName) -> tuple[str, ...]:
    wanted = cluster.services.get(service)
    return () if wanted is None else wanted.definition.container.kept_volumes


def _state(cluster: ClusterView, service: ServiceName, number: int, stored: StoredVolumes) -> str:
    if not stored.record.is_readable:
        return "on an unknown node: its record is not usable"
    wanted, claim = cluster.services.get(service), cluster.claims(service).get(number)
    if claim is not None and claim.node == stored.record.node:
        return claim.record.state.value
    if wanted is None or number > wanted.definition.instances:
        return "not wanted"
    if claim is not None:
        return f"left behind, it is on {claim.node}"
    return "overdue" if stored.record.overdue else "waiting"
