# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Instances: those that are claimed, and those that are wanted and not claimed yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.one_copy import stops_first
from daprdockr.picture.cells import moment, published, yes_or_no
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.candidates import candidates
from daprdockr.planning.fitting import why_nowhere
from daprdockr.planning.keeping.delivered import awaits_signal
from daprdockr.planning.placing.placement import vacancies
from daprdockr.planning.placing.tied import ties

COLUMNS: tuple[Column, ...] = (
    ("INSTANCE", lambda row: row["Instance"]),
    ("NODE", lambda row: row["Node"]),
    ("STATE", lambda row: row["State"]),
    ("HEALTHY", lambda row: yes_or_no(row["Healthy"])),
    ("PORTS", lambda row: ",".join(map(published, row["Ports"]))),
    ("STARTED", lambda row: moment(row["Started"])),
    ("REASON", lambda row: row["Reason"]),
)


def instance_table(cluster: ClusterView, only: ServiceName | None) -> Table:
    """Return every claim, and every wanted instance that nobody claimed yet; of one service, or of all."""
    names = {*cluster.services, *cluster.claimed_services} if only is None else {only}
    return Table([row for name in sorted(names) for row in _rows(cluster, name)], COLUMNS)


def unmet(cluster: ClusterView, service: ServiceName) -> list[tuple[InstanceName, str]]:
    """
    Return the wanted instances that do not run healthy and as defined, lack the signal for a changed content, or were
    found healthy by a former check, each with its present state.
    """
    wanted = cluster.services[service]
    claims = cluster.claims(service)
    numbers = range(1, wanted.definition.instances + 1)
    waiting = why_nowhere(wanted.definition, candidates(cluster))
    tied = waiting_for_volumes(cluster, service)
    found = [(InstanceName(service, n), tied.get(n) or _lack(wanted, claims.get(n), waiting, tied)) for n in numbers]
    return [(instance, lack) for instance, lack in found if lack]


def stopping(cluster: ClusterView, service: ServiceName) -> list[tuple[InstanceName, str]]:
    """Return the instances beyond the wanted number that still have a node, each with its present state."""
    wanted = cluster.services[service].definition.instances
    surplus = sorted((number, claim) for number, claim in cluster.claims(service).items() if number > wanted)
    return [(InstanceName(service, number), still_stopping(claim.node)) for number, claim in surplus]


def still_stopping(node: str) -> str:
    """Return the state of an instance that is not wanted, but has a node."""
    return f"still stopping on {node}"


def waiting_for_volumes(cluster: ClusterView, service: ServiceName) -> dict[int, str]:
    """Return, by number, the instances without a node that wait for the one which has their data, as text."""
    definition, stored = cluster.services[service].definition, cluster.volumes(service)
    tied = ties(definition, stored)
    found = {}
    for number in vacancies(definition, cluster.claims(service)):
        if number in tied:
            record, limit = stored[number].record, definition.placement.wait_for_volume
            late = f" for more than {limit} s" if record.overdue else ""
            found[number] = f"waiting{late} for {record.node}, which has its volume {', '.join(record.volumes)}"
            if not record.is_readable:
                found[number] = f"waiting, because {_unreadable(cluster, InstanceName(service, number))}"
    return found


def _unreadable(cluster: ClusterView, instance: InstanceName) -> str:
    """Return which record says where the data of an instance is, and why it cannot be read."""
    broken = cluster.broken[cluster.keys.volumes(instance)]
    return f"the record of which node has its volume, {broken.key}, is not usable ({broken.reason})"


def is_current(wanted: Service | None, claim: Claim) -> bool:
    """Return whether the container under a claim was made from the definition that is wanted."""
    return wanted is not None and claim.record.definition == wanted.definition.digest


def _lack(wanted: Service, claim: Claim | None, waiting: str, away: Collection[int]) -> str:
    if claim is None:
        return f"waiting for a node ({waiting})" if waiting else "waiting for a node"
    reason = f" ({claim.record.reason})" if claim.record.reason else ""
    if claim.record.state is not State.RUNNING or not claim.record.healthy:
        return f"{claim.record.state.value} on {claim.node}{reason}"
    if is_current(wanted, claim):
        signalled = not awaits_signal(wanted.definition, claim.record.delivered)
        if not signalled:
            return f"without the signal for a changed content on {claim.node}"
        judged = claim.record.judged in (None, wanted.definition.check.digest)
        return "" if judged else f"not judged by the changed health check yet on {claim.node}"
    return f"of an older definition on {claim.node}{reason or _stopped_first(wanted, away)}"


def _stopped_first(wanted: Service, away: Collection[int]) -> str:
    """
    Return why the older copy has to stop before the new one starts; "" if it has not.

    :param away: the instances that wait for their data: Note [Away counts as well] in ``planning.keeping.rolling``.
    """
    definition, reason = wanted.definition, stops_first(wanted.definition)
    if reason and len(away) >= min(definition.update.parallelism, definition.instances):
        return f", which stays until {InstanceName(definition.name, min(away))} has a node: no more may be away"
    return f", which stops before the new one starts: {reason}" if reason else ""


def _rows(cluster: ClusterView, name: ServiceName) -> Iterable[Row]:
    wanted = cluster.services.get(name)
    claims = cluster.claims(name)
    numbers = {*claims, *range(1, wanted.definition.instances + 1 if wanted else 1)}
    waiting = why_nowhere(wanted.definition, candidates(cluster)) if wanted and len(claims) < len(numbers) else ""
    tied = waiting_for_volumes(cluster, name) if wanted else {}
    for number in sorted(numbers):
        claim = claims.get(number)
        instance = InstanceName(name, number)
        if claim is None:
            yield _unclaimed(instance, tied.get(number, waiting))
        else:
            row = _claimed(instance, claim, is_current(wanted, claim))
            yield {**row, **_outdated(wanted, row, tied), **_unwanted(cluster, instance)}


def _outdated(wanted: Service | None, row: Row, away: Collection[int]) -> Row:
    """Return the reason of a copy that is not current, unless it has another one."""
    if wanted is None or row["Current"] or row["Reason"]:
        return {}
    return {"Reason": f"runs an older definition{_stopped_first(wanted, away)}"}


def _unwanted(cluster: ClusterView, instance: InstanceName) -> Row:
    """Return what differs where no definition wants an instance, so that nothing leads to it, or none can be read."""
    wanted = cluster.services.get(instance.service)
    if cluster.is_held(instance.service):
        return {"Reason": f"the definition of {instance.service} is not usable: status says why"}
    if wanted is None:
        gone = {"Reason": f"{instance.service} is deleted"}
    else:
        more = instance.number > wanted.definition.instances
        gone = {"Reason": f"{instance.service} is scaled down"} if more else {}
    return {"State": State.WITHDRAWN.value, "Healthy": False, **gone} if gone else {}


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
