# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Services: how many instances of each are wanted, and how many of them run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from daprdockr.model.known.owners import Taken, in_short, taken
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim, KnownRun, Service
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.picture.cells import host_names
from daprdockr.picture.instances import is_current, stopping, waiting_for_volumes
from daprdockr.picture.runs import last_run, run_text
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.candidates import Candidate, candidates
from daprdockr.planning.fitting import why_nowhere

StoppedRollouts = Mapping[ServiceName, RolloutRecord]

COLUMNS: tuple[Column, ...] = (
    ("SERVICE", lambda row: row["Service"]),
    ("WANTED", lambda row: "job" if row["Schedule"] else str(row["Wanted"])),
    ("RUNNING", lambda row: str(row["Running"])),
    ("HEALTHY", lambda row: str(row["Healthy"])),
    ("CURRENT", lambda row: str(row["Current"])),
    ("HTTP", lambda row: ",".join(host_names(row))),
    ("REASON", lambda row: row["Reason"]),
)


def service_table(
    cluster: ClusterView, stopped: StoppedRollouts = MappingProxyType({}), only: ServiceName | None = None
) -> Table:
    """
    Return every service that has a definition, or one.

    :param stopped: the rollouts that did not end well.
    """
    names = sorted(cluster.services) if only is None else [only]
    nodes, lost = candidates(cluster), taken(cluster.services.values())
    return Table([_row(cluster, name, stopped.get(name), nodes, lost.get(name, ())) for name in names], COLUMNS)


def _row(
    cluster: ClusterView,
    name: ServiceName,
    stopped: RolloutRecord | None,
    nodes: Iterable[Candidate],
    lost: Sequence[Taken],
) -> Row:
    service = cluster.services[name]
    definition, schedule = service.definition, service.definition.schedule
    claims = [claim for number, claim in sorted(cluster.claims(name).items()) if number <= definition.instances]
    running = [claim for claim in claims if claim.record.state in (State.RUNNING, State.UNHEALTHY)]
    paused, last = cluster.pauses.get(name), last_run(cluster, name)
    reasons = *_reasons(cluster, service, claims, stopped, nodes), _failed_run(last), in_short(lost)
    return {
        "Service": str(name),
        "Wanted": definition.instances,
        "Schedule": schedule.text if schedule is not None else None,
        "LastRun": last.record.state.value if last is not None and schedule is not None else None,
        "Running": len(running),
        "Healthy": sum(claim.record.healthy for claim in running),
        "Current": sum(is_current(service, claim) for claim in running),
        "HostNames": [
            host + (http.path if http.path != "/" else "") for http in definition.http for host in http.host_names
        ],
        "Rollout": stopped.write() if stopped is not None else None,
        "Paused": paused.shown() if paused is not None else None,
        "Taken": [str(one) for one in lost],
        "Reason": "; ".join(filter(None, reasons)),
    }


def _reasons(
    cluster: ClusterView,
    service: Service,
    claims: Iterable[Claim],
    stopped: RolloutRecord | None,
    nodes: Iterable[Candidate],
) -> Iterator[str]:
    """
    Yield why the instances of a service are as they are, "" where there is nothing to say.

    :param claims: those of wanted instances, by number.
    """
    yield str(cluster.pauses.get(service.definition.name) or "")
    if stopped is not None:
        yield str(stopped)
    else:
        yield next((claim.record.reason for claim in claims if claim.record.reason), "")
        yield _waiting(cluster, service, nodes)
    yield _surplus(cluster, service.definition.name)


def _surplus(cluster: ClusterView, name: ServiceName) -> str:
    """Return how many instances beyond the wanted number still have a node; "" if none has."""
    left = len(stopping(cluster, name))
    return f"{left} more {'is' if left == 1 else 'are'} still stopping" if left else ""


def _failed_run(last: KnownRun | None) -> str:
    """Return what went wrong with the last run of a job; "" if nothing."""
    if last is None or not last.record.reason:
        return ""
    return f"{run_text(last.number, last.record.state.value)}: {last.record.reason}"


def _waiting(cluster: ClusterView, service: Service, nodes: Iterable[Candidate]) -> str:
    """Return how many instances no node has claimed, and why; "" if each is claimed."""
    wanted = service.definition.instances
    free = wanted - sum(number <= wanted for number in cluster.claims(service.definition.name))
    if not free:
        return ""
    tied = waiting_for_volumes(cluster, service.definition.name)
    if len(tied) == free:
        number, text = min(tied.items())
        more = f", and {free - 1} more wait for their data" if free > 1 else ""
        return f"{InstanceName(service.definition.name, number)} is {text}{more}"
    reason = why_nowhere(service.definition, nodes)
    return f"{free} of {wanted} wait{'s' if free == 1 else ''} for a node{f': {reason}' if reason else ''}"
