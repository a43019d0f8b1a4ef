# -*- test-case-name: tests.unit.cli.commands.test_volume -*-
"""The named volumes of instances: the node that has each, and whether the instance runs with it."""

from __future__ import annotations

from collections.abc import Iterator

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.picture.table import Column, Row, Table

COLUMNS: tuple[Column, ...] = (
    ("NODE", lambda row: row["Node"]),
    ("VOLUME", lambda row: row["Volume"]),
    ("INSTANCE", lambda row: row["Instance"]),
    ("STATE", lambda row: row["State"]),
)


def volume_table(cluster: Cluster) -> Table:
    """Return each volume of an instance, sorted by node and volume."""
    rows = [row for name in cluster.with_volumes for row in _rows(cluster, name)]
    return Table(sorted(rows, key=lambda row: (row["Node"], row["Volume"], row["Instance"])), COLUMNS)


def _rows(cluster: Cluster, service: ServiceName) -> Iterator[Row]:
    for number, stored in cluster.volumes(service).items():
        state = _state(cluster, service, number, stored)
        for volume in stored.record.volumes:
            instance = str(InstanceName(service, number))
            yield {"Node": stored.record.node, "Volume": volume, "Instance": instance, "State": state}


def _state(cluster: Cluster, service: ServiceName, number: int, stored: StoredVolumes) -> str:
    wanted, claim = cluster.services.get(service), cluster.claims(service).get(number)
    if claim is not None and claim.node == stored.record.node:
        return claim.record.state.value
    if wanted is None or number > wanted.definition.instances:
        return "not wanted"
    if claim is not None:
        return f"left behind, it is on {claim.node}"
    return "overdue" if stored.record.overdue else "waiting"
