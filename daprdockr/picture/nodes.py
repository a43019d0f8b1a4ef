# -*- test-case-name: tests.unit.cli.commands.test_nodes -*-
"""Nodes: the report of each that holds a lease, and what others know about it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from attrs import evolve

from daprdockr.model.etcd_member import EtcdMember
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.node import NodeRecord
from daprdockr.picture.cells import yes_or_no
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.candidates import UNKNOWN
from daprdockr.planning.placing.clashes import clashes

_NAMED = 5
"""How many services of those that fail on a node are named; ``status`` and ``-o json`` have all of them."""


def _why_not(row: Row) -> str:
    """Return why a node can do nothing, or is ranked last, for everything or for some services, and what ails it."""
    if row["Doubts"]:
        return f"frozen: {row['Doubts']}"
    if row["Refused"]:
        return str(row["Refused"])
    if row["Clash"]:
        return str(row["Clash"])
    unready = "" if row["Ready"] else f"not ready: {row['Unready'] or UNKNOWN}"
    return "; ".join(filter(None, (unready, _why_last(row), *row["Ailing"].values())))


def _why_last(row: Row) -> str:
    """Return why a node is ranked last, or is not for services with secrets."""
    if row["Trouble"]:
        return f"nothing starts: {row['Trouble']}"
    if row["Missing"]:
        return f"{','.join(row['Missing'])} is no address of this machine"
    if row["Fails"]:
        return f"{_some(row['Fails'])} cannot start"
    if row["Keyless"]:
        return str(row["Keyless"])
    if row["KeysMissing"]:
        return f"it lacks cluster key {','.join(row['KeysMissing'])}, so it gets no service with secrets"
    return ""


def can_start_nothing(row: Row) -> bool:
    """Return whether nothing can start on a node, which may say itself that it is ready."""
    return bool(row["Refused"] or row["Clash"] or row["Trouble"])


def _some(names: Sequence[str]) -> str:
    """Return the first names, with spaces so that a line can end between them, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


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


LOST = "lost"
"""In place of the part that a member of etcd plays, where its host does not report."""

AWAITED = "awaited"
"""The same of a member that was announced and has not begun, so that nobody knows its node yet."""

_AWAY = (
    "its agent does not report; start it, or if this host is gone for good, let another one join in its place"
    " (daprdockrcmd invite on a host with a member)"
)

_NOT_BEGUN = (
    "its member of etcd was announced and has not begun: run join on this host again, or let another one join in its"
    " place"
)


def node_table(
    cluster: ClusterView,
    refused: str = "",
    doubted: Mapping[str, str] = MappingProxyType({}),
    members: Iterable[EtcdMember] = (),
) -> Table:
    """
    Return every node that holds a lease, and those that hold none and have a member of etcd, or are to have one.

    :param refused: the write that etcd refuses all of them, though none can report it.
    :param doubted: why nodes are frozen.
    :param members: those of etcd.
    """
    loads, clashing = cluster.loads, clashes(cluster.nodes.values())
    needed = {record.key for record in cluster.values.secrets.values()}
    lost = lost_members(cluster, members)
    records = {**{name: node.record for name, node in cluster.nodes.items()}, **lost}
    rows = [
        {
            "Node": name,
            "Ready": record.ready and name not in doubted,
            "Addresses": list(record.addresses),
            "Labels": dict(record.labels),
            "Instances": loads[name],
            "Cordoned": name in cluster.cordoned,
            "Draining": name in cluster.draining,
            "Etcd": record.etcd,
            "Version": record.version,
            "Allow": None if record.allow is None else list(record.allow),
            "Fails": list(record.fails),
            "Missing": list(record.missing),
            "Trouble": record.trouble,
            "Ailing": dict(record.ailing),
            "Unready": record.unready,
            "Refused": record.refused or ("" if name in lost else refused),
            "Clash": clashing.get(name, ""),
            "Doubts": doubted.get(name, ""),
            "Keys": list(record.keys),
            "Keyless": record.keyless,
            "KeysMissing": [] if name in lost else sorted(needed.difference(record.keys)),
        }
        for name, record in sorted(records.items())
    ]
    return Table(rows, COLUMNS)


def lost_members(cluster: ClusterView, members: Iterable[EtcdMember]) -> dict[str, NodeRecord]:
    """
    Return what can be said of the nodes that have a member of etcd and do not report, and, by their addresses, of those
    whose member has not begun.

    Where no agent that reports has a member, etcd is somebody else's, and its members need not be nodes.
    """
    if not any(node.record.etcd for node in cluster.nodes.values()):
        return {}
    away = NodeRecord(ready=False, allow=(), unready=_AWAY, etcd=LOST)
    new = NodeRecord(ready=False, allow=(), unready=_NOT_BEGUN, etcd=AWAITED)
    found = {}
    for one in members:
        hosts = _hosts(one.clients or one.peers)
        if one.name and one.name not in cluster.nodes:
            found[one.name] = evolve(away, addresses=hosts)
        elif not one.name and hosts:
            found[hosts[0]] = evolve(new, addresses=hosts)
    return found


def _hosts(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in URLs."""
    return tuple(host for host in (urlsplit(url).hostname for url in urls) if host)


def dark(cluster: ClusterView, mute: Container[str] = ()) -> dict[str, str]:
    """
    Return the nodes on which nothing starts, each with the reason.

    :param mute: those whose trouble is shown elsewhere.
    """
    clashing = clashes(cluster.nodes.values())
    found = {
        name: record.trouble or clashing.get(name) or ("" if record.ready else record.unready or UNKNOWN)
        for name, record in _reports(cluster, mute)
    }
    return {name: reason for name, reason in found.items() if reason}


def ailing(cluster: ClusterView, mute: Container[str] = ()) -> dict[str, dict[str, str]]:
    """
    Return the nodes of which parts are in trouble, and what is wrong with these, by component.

    :param mute: those that cannot report it, or its end.
    """
    return {name: dict(record.ailing) for name, record in _reports(cluster, mute) if record.ailing}


def _reports(cluster: ClusterView, mute: Container[str]) -> list[tuple[str, NodeRecord]]:
    """Return the nodes by name with what each reports, less those in ``mute``."""
    return [(name, node.record) for name, node in sorted(cluster.nodes.items()) if name not in mute]
