"""
The values of the metrics, read from the parts of an agent when somebody asks. Nothing is counted here, and nothing
waits for a scrape: the parts hold all of it for their own ends, or count as they go along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from daprdockr import __version__
from daprdockr.agent.reconcile.counted_steps import CountedSteps
from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.api import metric
from daprdockr.api.metric import Sample
from daprdockr.dns.message.outcome import spelled
from daprdockr.dns.server import DnsServer
from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.rollout import RolloutState
from daprdockr.picture.certificates import CertificateVerdict, certificate_table, verdict
from daprdockr.picture.nodes import can_start_nothing, node_table
from daprdockr.picture.runs import has_failed, was_missed
from daprdockr.picture.services import service_table
from daprdockr.picture.table import Row
from daprdockr.planning.renewing.wanted import wanted_in_cluster
from daprdockr.proxy.nginx import Nginx
from daprdockr.runtime.kinds import kind_of
from daprdockr.runtime.workers import Workers
from daprdockr.wiring.parts import Parts
from daprdockr.wiring.showing import known_room, stopped_rollouts

_OF_REQUESTS = {
    "held": metric.HELD,
    "retried": metric.RETRIED,
    "unserved": metric.UNSERVED,
    "paused": metric.PAUSED,
}
"""By nginx's names of its counts."""


async def measured(parts: Parts) -> list[Sample]:
    """Return all values as they are now; nginx is asked for its own, and left out if it does not answer."""
    base, nginx = parts.base, parts.outward.nginx
    counts = {} if nginx is None else await nginx.door.counts()
    found = [*_agent(parts), *_pools(base.outside.pools.all), *_steps(parts.acting.steps)]
    found += _own_instances(base.cluster, base.settings.node)
    found += _shared(parts)
    found += _certificates(parts, base.outside.clocks.wall())
    if parts.outward.dns is not None:
        found += _dns(parts.outward.dns)
    if nginx is not None:
        found += _http(nginx, counts)
    return found


def _agent(parts: Parts) -> Iterator[Sample]:
    settings, member, known = parts.base.settings, parts.found.member, parts.found.known
    yield Sample(metric.BUILD, 1, (__version__, settings.node))
    for part in parts.judged:
        yield Sample(metric.HEALTHY, part.condition is None, (loop_of(part),))
    yield Sample(metric.IN_TOUCH, known.mirror.in_touch)
    yield Sample(metric.REVISION, parts.base.cluster.revision)
    yield Sample(metric.LEASE_LEFT, member.heartbeat.seconds_left)
    yield Sample(metric.LEASE_TTL, settings.lease_ttl)


def _shared(parts: Parts) -> Iterator[Sample]:
    """
    Yield what all agents see alike; nothing while out of touch, because the maximum over all of them would be what this
    one saw last.
    """
    if parts.found.known.mirror.in_touch:
        yield from _cluster(parts.base.cluster)
        yield from _jobs(parts.base.cluster, parts.base.outside.clocks.wall())
    if (room := known_room(parts.found)) is not None:
        yield from _room(room)


def _steps(steps: CountedSteps) -> Iterator[Sample]:
    for labels, count in sorted(steps.outcomes.items()):
        yield Sample(metric.STEPS, count, labels)
    for kind, durations in sorted(steps.durations.items()):
        yield Sample(metric.STEP_DURATION, durations.read(), (kind,))


def _room(known: KnownRoom) -> Iterator[Sample]:
    look = known.look
    for state, number in (("answering", len(look.statuses)), ("all", len(look.voters))):
        yield Sample(metric.ETCD_MEMBERS, number, (state,))
    yield Sample(metric.ETCD_SIZE, look.largest)
    yield Sample(metric.ETCD_QUOTA, look.quota)
    for alarm, is_on in (("nospace", bool(look.full)), ("corrupt", look.corrupt)):
        yield Sample(metric.ETCD_ALARM, is_on, (alarm,))
    yield Sample(metric.ETCD_COMPACTED, look.compacted)


def loop_of(part: HasCondition) -> str:
    """Return the name of a part for people: a pool of threads has one of its own."""
    return f"{part.name}_threads" if isinstance(part, Workers) else kind_of(part)


def _pools(pools: Iterable[Workers]) -> Iterator[Sample]:
    for pool in pools:
        labels = (str(pool.name),)
        yield Sample(metric.CALLS, pool.durations.read(), labels)
        yield Sample(metric.CALL_FAILURES, pool.failed, labels)
        yield Sample(metric.CALLS_ACTIVE, pool.in_flight, labels)
        yield Sample(metric.CALLS_WAITING, pool.waiting, labels)


def _own_instances(cluster: ClusterView, node: str) -> Iterator[Sample]:
    claims = [claim for name in cluster.claimed_services for claim in cluster.claims(name).values()]
    own = Counter(claim.record.state for claim in claims if claim.node == node)
    for of_claim in State:
        yield Sample(metric.INSTANCES, own[of_claim], (of_claim.value.replace("-", "_"),))


def _cluster(cluster: ClusterView) -> Iterator[Sample]:
    """Yield what status and nodes show: from the same tables."""
    states = Counter(map(_state, node_table(cluster).rows))
    for state in ("ready", "cordoned", "draining", "not_ready"):
        yield Sample(metric.NODES, states[state], (state,))
    for row in service_table(cluster).rows:
        for of_service, member in ((metric.WANTED, "Wanted"), (metric.RUNNING, "Running")):
            yield Sample(of_service, row[member], (row["Service"],))
        yield Sample(metric.SERVICE_HEALTHY, row["Healthy"], (row["Service"],))
    yield Sample(metric.UNUSABLE, len(cluster.broken))
    yield from _rollouts(cluster)


def _state(row: Row) -> str:
    if not row["Ready"] or can_start_nothing(row):
        return "not_ready"
    return "draining" if row["Draining"] else "cordoned" if row["Cordoned"] else "ready"


def _rollouts(cluster: ClusterView) -> Iterator[Sample]:
    stopped = stopped_rollouts(cluster)
    standing = {name for name, record in stopped.items() if record.state is not RolloutState.REVERTED}
    under_way = sum(bool(cluster.slots(name)) for name in cluster.services if name not in standing)
    yield Sample(metric.ROLLOUTS, under_way, ("under_way",))
    states = Counter(record.state for record in stopped.values())
    for state in RolloutState:
        yield Sample(metric.ROLLOUTS, states[state], (state.value,))


def _jobs(cluster: ClusterView, now: float) -> Iterator[Sample]:
    for name, service in sorted(cluster.services.items()):
        if service.definition.schedule is not None:
            yield Sample(metric.JOB_FAILED, has_failed(cluster, name), (str(name),))
            yield Sample(metric.JOB_MISSED, was_missed(cluster, name, now), (str(name),))


def _certificates(parts: Parts, now: float) -> Iterator[Sample]:
    rows = certificate_table(parts.base.cluster, now).rows
    yield from _lives(rows)
    if parts.found.known.mirror.in_touch:
        yield from _lacking(parts.base.cluster, now, rows)


def _lives(rows: Iterable[Row]) -> Iterator[Sample]:
    lives: dict[tuple[str, str], tuple[float, float]] = {}
    for row in rows:
        if row["NotAfter"] and row["Needed"]:  # of files that differ from node to node, the first one to end counts
            key = (row["Name"], row["Source"])
            life = row["NotAfter"], row["NotBefore"]
            lives[key] = min(life, lives.get(key, life))
    for key, (end, begin) in lives.items():
        yield Sample(metric.CERTIFICATE_END, end, key)
        if begin:
            yield Sample(metric.CERTIFICATE_BEGIN, begin, key)


def _lacking(cluster: ClusterView, now: float, rows: Iterable[Row]) -> Iterator[Sample]:
    wanted = wanted_in_cluster(cluster, now) if cluster.thumbprint else ()
    awaited = dict.fromkeys(name for name in wanted if name not in cluster.certificates)
    for name in awaited:
        yield Sample(metric.CERTIFICATE_AWAITED, 1, (name,))
    verdicts = [(row["Name"], verdict(row)) for row in rows]
    missing = {name for name, found in verdicts if found is CertificateVerdict.MISSING and name not in awaited}
    for name in sorted(missing.union(name for name, found in verdicts if found is CertificateVerdict.USELESS)):
        yield Sample(metric.CERTIFICATE_UNUSABLE, 1, (name,))


def _dns(dns: DnsServer) -> Iterator[Sample]:
    replies: Counter[tuple[str, str]] = Counter()
    for outcome, count in dns.outcomes.items():
        replies[spelled(outcome)] += count
    for labels, count in sorted(replies.items()):
        yield Sample(metric.DNS_REPLIES, count, labels)
    for event, count in dns.counts.items():
        yield Sample(metric.DNS_EVENTS, count, (event,))


def _http(nginx: Nginx, counts: dict[str, int]) -> Iterator[Sample]:
    status = nginx.status
    yield Sample(metric.ROUTES, len(nginx.door.led))
    yield Sample(metric.ROUTE_ENDPOINTS, sum(len(route.upstreams) for route in nginx.door.led))
    yield Sample(metric.ROUTE_CHANGES, status.changes)
    yield Sample(metric.ROUTE_FAILURES, status.failures)
    for name, of_requests in _OF_REQUESTS.items():
        if name in counts:
            yield Sample(of_requests, counts[name])
