"""What the cluster looks like to people: rows of JSON made from the mirror, and the tables drawn from them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from attrs import frozen

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.records import State
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.planning.candidates import candidates, why_nowhere
from daprdockr.planning.placing.clashes import clashes

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]


@frozen
class Table:
    """A list of rows, and the columns by which people see them."""

    rows: Sequence[Row]
    columns: Sequence[Column]

    @property
    def header(self) -> list[str]:
        return [name for name, _ in self.columns]

    @property
    def cells(self) -> list[list[str]]:
        return [[cell(row) or "-" for _, cell in self.columns] for row in self.rows]


def unmet(cluster: Cluster, service: ServiceName) -> list[tuple[InstanceName, str]]:
    """The wanted instances that do not run healthy and as defined, each with what it is instead."""
    wanted = cluster.services[service]
    claims = cluster.claims(service)
    numbers = range(1, wanted.definition.instances + 1)
    waiting = why_nowhere(wanted.definition, candidates(cluster))
    found = [(InstanceName(service, number), _lack(wanted, claims.get(number), waiting)) for number in numbers]
    return [(instance, lack) for instance, lack in found if lack]


def _lack(wanted: Service, claim: Claim | None, waiting: str) -> str:
    if claim is None:
        return f"waiting for a node ({waiting})" if waiting else "waiting for a node"
    if claim.record.state is not State.RUNNING or not claim.record.healthy:
        reason = f" ({claim.record.reason})" if claim.record.reason else ""
        return f"{claim.record.state.value} on {claim.node}{reason}"
    return "" if _is_current(wanted, claim) else f"of an older definition on {claim.node}"


def _is_current(wanted: Service | None, claim: Claim) -> bool:
    return wanted is not None and claim.record.definition == wanted.definition.digest


def instances(cluster: Cluster, only: ServiceName | None) -> Table:
    """Every claim, and every wanted instance that nobody claimed yet."""
    names = {*cluster.services, *cluster.claimed_services} if only is None else {only}
    rows = [row for name in sorted(names) for row in _instances_of(cluster, name)]
    return Table(
        rows,
        (
            ("INSTANCE", lambda row: row["Instance"]),
            ("NODE", lambda row: row["Node"]),
            ("STATE", lambda row: row["State"]),
            ("HEALTHY", lambda row: _yes(row["Healthy"])),
            ("PORTS", lambda row: ",".join(map(_port, row["Ports"]))),
            ("STARTED", lambda row: _time(row["Started"])),
            ("REASON", lambda row: row["Reason"] or ("" if row["Current"] else "runs an older definition")),
        ),
    )


def _instances_of(cluster: Cluster, name: ServiceName) -> Iterable[Row]:
    wanted = cluster.services.get(name)
    claims = cluster.claims(name)
    numbers = {*claims, *range(1, wanted.definition.instances + 1 if wanted else 1)}
    waiting = why_nowhere(wanted.definition, candidates(cluster)) if wanted and len(claims) < len(numbers) else ""
    for number in sorted(numbers):
        claim = claims.get(number)
        instance = InstanceName(name, number)
        yield _claimed(instance, claim, _is_current(wanted, claim)) if claim else _unclaimed(instance, waiting)


def _claimed(instance: InstanceName, claim: Claim, current: bool) -> Row:
    record = claim.record
    return {
        "Instance": str(instance),
        "Node": record.node,
        "State": record.state.value,
        "Healthy": record.healthy,
        "Current": current or not record.definition,
        "Addresses": list(record.addresses),
        "Ports": [{"Container": p.container, "Protocol": p.protocol, "Host": p.host} for p in record.ports],
        "ContainerId": record.container,
        "Started": record.started,
        "Reason": record.reason,
    }


def _unclaimed(instance: InstanceName, waiting: str) -> Row:
    return {
        "Instance": str(instance),
        "Node": "",
        "State": "waiting",
        "Healthy": False,
        "Current": True,
        "Addresses": [],
        "Ports": [],
        "ContainerId": "",
        "Started": 0.0,
        "Reason": waiting or "no node has claimed it",
    }


def nodes(cluster: Cluster, refused: str = "", doubted: Mapping[str, str] = MappingProxyType({})) -> Table:
    """
    Every node that holds a lease.

    :param refused: what etcd refuses all of them, though none can say so. :param doubted: why nodes are frozen.
    """
    loads, clashing = cluster.loads, clashes(cluster.nodes.values())
    rows = [
        {
            "Node": name,
            "Ready": node.record.ready and name not in doubted,
            "Addresses": list(node.record.addresses),
            "Labels": dict(node.record.labels),
            "Instances": loads[name],
            "Cordoned": name in cluster.cordoned,
            "Draining": name in cluster.draining,
            "Version": node.record.version,
            "Allow": None if node.record.allow is None else list(node.record.allow),
            "Fails": list(node.record.fails),
            "Missing": list(node.record.missing),
            "Trouble": node.record.trouble,
            "Refused": node.record.refused or refused,
            "Clash": clashing.get(name, ""),
            "Doubts": doubted.get(name, ""),
        }
        for name, node in sorted(cluster.nodes.items())
    ]
    return Table(
        rows,
        (
            ("NODE", lambda row: row["Node"]),
            ("READY", lambda row: _yes(row["Ready"])),
            ("ADDRESSES", lambda row: ",".join(row["Addresses"])),
            ("INSTANCES", lambda row: str(row["Instances"])),
            ("CORDONED", lambda row: "draining" if row["Draining"] else _yes(row["Cordoned"])),
            ("LABELS", lambda row: ",".join(f"{key}={value}" for key, value in sorted(row["Labels"].items()))),
            ("ALLOWS", lambda row: "all" if row["Allow"] is None else ",".join(row["Allow"])),
            ("VERSION", lambda row: row["Version"]),
            ("REASON", _lacking),
        ),
    )


def dark(cluster: Cluster) -> dict[str, str]:
    """The nodes on which nothing starts, each with the reason."""
    return {name: node.record.trouble for name, node in sorted(cluster.nodes.items()) if node.record.trouble}


def _lacking(row: Row) -> str:
    """Why a node can do nothing, or is taken last, for everything or for some services."""
    if row["Doubts"]:
        return f"frozen: {row['Doubts']}"
    if row["Refused"]:
        return str(row["Refused"])
    if row["Clash"]:
        return str(row["Clash"])
    if row["Trouble"]:
        return f"nothing starts: {row['Trouble']}"
    if row["Missing"]:
        return f"{','.join(row['Missing'])} is no address of this machine"
    return f"{','.join(row['Fails'])} cannot start" if row["Fails"] else ""


def services(cluster: Cluster) -> Table:
    """Every service with how much of it is there."""
    rows = [_service(cluster, name, cluster.services[name]) for name in sorted(cluster.services)]
    return Table(
        rows,
        (
            ("SERVICE", lambda row: row["Service"]),
            ("WANTED", lambda row: str(row["Wanted"])),
            ("RUNNING", lambda row: str(row["Running"])),
            ("HEALTHY", lambda row: str(row["Healthy"])),
            ("CURRENT", lambda row: str(row["Current"])),
            ("HTTP", lambda row: ",".join(row["HostNames"])),
            ("REASON", lambda row: row["Reason"]),
        ),
    )


def _service(cluster: Cluster, name: ServiceName, service: Service) -> Row:
    claims = [claim for _, claim in sorted(cluster.claims(name).items())]
    running = [claim for claim in claims if claim.record.state in (State.RUNNING, State.UNHEALTHY)]
    return {
        "Service": str(name),
        "Wanted": service.definition.instances,
        "Running": len(running),
        "Healthy": sum(claim.record.healthy for claim in running),
        "Current": sum(_is_current(service, claim) for claim in running),
        "HostNames": list(service.definition.http.host_names) if service.definition.http else [],
        "Reason": next((claim.record.reason for claim in claims if claim.record.reason), ""),
    }


def events(told: Iterable[Event]) -> Table:
    """Events, oldest first."""
    return Table(
        [event.write() for event in sorted(told)],
        (
            ("TIME", lambda row: _time(row["Time"])),
            ("NODE", lambda row: row["Node"]),
            ("SUBJECT", lambda row: row["Subject"]),
            ("EVENT", lambda row: row["Text"]),
        ),
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _port(port: Row) -> str:
    return f"{port['Host']}->{port['Container']}/{port['Protocol']}"


def _time(seconds: float) -> str:
    """UTC as the node's own clock has it. No age: that would compare the clocks of two hosts."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds else ""
    except (ValueError, OverflowError):
        return ""
