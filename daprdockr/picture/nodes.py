# -*- test-case-name: tests.unit.cli.commands.test_nodes -*-
"""Nodes: the report of each that holds a lease, and what others know about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from daprdockr.model.known.cluster import Cluster
from daprdockr.picture.cells import yes_or_no
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.candidates import UNKNOWN
from daprdockr.planning.placing.clashes import clashes


def _why_not(row: Row) -> str:
    """Return why a node can do nothing, or is ranked last, for everything or for some services."""
    if row["Doubts"]:
        return f"frozen: {row['Doubts']}"
    if row["Refused"]:
        return str(row["Refused"])
    if row["Clash"]:
        return str(row["Clash"])
    unready = "" if row["Ready"] else f"not ready: {row['Unready'] or UNKNOWN}"
    return "; ".join(filter(None, (unready, _why_last(row))))


def _why_last(row: Row) -> str:
    """Return why a node is ranked last, or is not for services with secrets."""
    if row["Trouble"]:
        return f"nothing starts: {row['Trouble']}"
    if row["Missing"]:
        return f"{','.join(row['Missing'])} is no address of this machine"
    if row["Fails"]:
        return f"{','.join(row['Fails'])} cannot start"
    if row["Keyless"]:
        return str(row["Keyless"])
    if row["KeysMissing"]:
        return f"it lacks cluster key {','.join(row['KeysMissing'])}, so it gets no service with secrets"
    return ""


COLUMNS: tuple[Column, ...] = (
    ("NODE", lambda row: row["Node"]),
    ("READY", lambda row: yes_or_no(row["Ready"])),
    ("ADDRESSES", lambda row: ",".join(row["Addresses"])),
    ("INSTANCES", lambda row: str(row["Instances"])),
    ("CORDONED", lambda row: "draining" if row["Draining"] else yes_or_no(row["Cordoned"])),
    ("ETCD", lambda row: row["Etcd"]),
    ("LABELS", lambda row: ",".join(f"{key}={value}" for key, value in sorted(row["Labels"].items()))),
    ("ALLOWS", lambda row: "all" if row["Allow"] is None else ",".join(row["Allow"])),
    ("VERSION", lambda row: row["Version"]),
    ("REASON", _why_not),
)


def node_table(cluster: Cluster, refused: str = "", doubted: Mapping[str, str] = MappingProxyType({})) -> Table:
    """
    Return every node that holds a lease.

    :param refused: the write that etcd refuses all of them, though none can report it.
    :param doubted: why nodes are frozen.
    """
    loads, clashing = cluster.loads, clashes(cluster.nodes.values())
    needed = {record.key for record in cluster.values.secrets.values()}
    rows = [
        {
            "Node": name,
            "Ready": node.record.ready and name not in doubted,
            "Addresses": list(node.record.addresses),
            "Labels": dict(node.record.labels),
            "Instances": loads[name],
            "Cordoned": name in cluster.cordoned,
            "Draining": name in cluster.draining,
            "Etcd": node.record.etcd,
            "Version": node.record.version,
            "Allow": None if node.record.allow is None else list(node.record.allow),
            "Fails": list(node.record.fails),
            "Missing": list(node.record.missing),
            "Trouble": node.record.trouble,
            "Unready": node.record.unready,
            "Refused": node.record.refused or refused,
            "Clash": clashing.get(name, ""),
            "Doubts": doubted.get(name, ""),
            "Keys": list(node.record.keys),
            "Keyless": node.record.keyless,
            "KeysMissing": sorted(needed.difference(node.record.keys)),
        }
        for name, node in sorted(cluster.nodes.items())
    ]
    return Table(rows, COLUMNS)


def dark(cluster: Cluster) -> dict[str, str]:
    """Return the nodes on which nothing starts, each with the reason."""
    return {name: node.record.trouble for name, node in sorted(cluster.nodes.items()) if node.record.trouble}
