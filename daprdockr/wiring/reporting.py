# -*- test-case-name: tests.unit.wiring.test_composition,tests.unit.wiring.test_reporting -*-
"""The loops that report: to DNS, nginx and the relay, to etcd, and to the other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from attrs import frozen

from daprdockr.agent.membership.progress import ClusterProgress, Serving
from daprdockr.agent.reporting.departures import Departures
from daprdockr.agent.reporting.doubting import Doubting
from daprdockr.agent.reporting.health_events import HealthEvents
from daprdockr.agent.reporting.own_course import OwnCourse
from daprdockr.agent.reporting.publish import Publish
from daprdockr.agent.reporting.publish_challenges import PublishChallenges
from daprdockr.agent.reporting.publish_ports import PublishPorts
from daprdockr.proxy.routing import Refusal
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.held_ports import held_ports


@frozen
class Reporting:
    """The loops that report: to DNS, nginx and the relay, and to etcd."""

    publish: Publish
    publish_ports: PublishPorts
    doubting: Doubting
    progress: ClusterProgress
    publish_challenges: PublishChallenges
    departures: Departures
    own_course: OwnCourse
    health_events: HealthEvents


def reporting(base: Foundation, outward: Edges, found: Found) -> Reporting:
    outside, node = base.outside, base.settings.node
    publish = Publish(
        reactor=outside.reactor,
        node=node,
        addresses=found.around.whereabouts.value.addresses,
        cluster=base.cluster,
        own_claims=found.known.own_claims,
        may_run=found.local.host.may_run,
        record_refusal=partial(_record_refusal, base),
    )
    publish_ports = PublishPorts(
        reactor=outside.reactor,
        node=node,
        cluster=base.cluster,
        claims=publish.claims,
        held=lambda: held_ports(base.settings, found.local.host.containers),
        record_refusal=partial(_record_refusal, base),
    )
    heartbeat = found.member.heartbeat
    doubting = Doubting(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        key=base.cluster.keys.doubt(node),
        mirror=found.known.mirror,
        host=found.local.host,
        lease=lambda: heartbeat.lease,
    )
    challenges = PublishChallenges(base.cluster)
    progress = _progress(base, found, serving((publish, publish_ports, challenges), outward))
    return Reporting(publish, publish_ports, doubting, progress, challenges, *_courses(base, found))


def _record_refusal(base: Foundation, refusal: Refusal) -> None:
    """All nodes refuse alike, but for what is in the way on one of them: one event is enough for each definition."""
    subject = str(refusal.service)
    if refusal.is_local:
        base.journal.record(subject, refusal.reason)
    else:
        known = base.cluster.services.get(refusal.service)
        revision = 0 if known is None else known.revision
        base.journal.record_once(subject, refusal.reason, subject, refusal.subject, refusal.reason, revision)


def _courses(base: Foundation, found: Found) -> tuple[Departures, OwnCourse, HealthEvents]:
    outside, mass_expiry = base.outside, found.known.mass_expiry
    departures = Departures(
        reactor=outside.reactor,
        cluster=base.cluster,
        node=base.settings.node,
        journal=base.journal,
        settled=lambda: mass_expiry.until,
        chance=outside.chance.fraction,
    )
    own_course = OwnCourse(
        reactor=outside.reactor,
        cluster=base.cluster,
        node=base.settings.node,
        heartbeat=found.member.heartbeat,
        journal=base.journal,
    )
    health_events = HealthEvents(
        reactor=outside.reactor, cluster=base.cluster, node=base.settings.node, record_event=base.journal.record
    )
    return departures, own_course, health_events


def _progress(base: Foundation, found: Found, served: Serving) -> ClusterProgress:
    return ClusterProgress(
        reactor=base.outside.reactor,
        node=base.settings.node,
        cluster=base.cluster,
        serving=served,
        record=found.member.progress,
        write=found.member.heartbeat.refresh,
    )


class Published(Protocol):
    """Something that is published, up to a ``revision`` of the cluster."""

    @property
    def revision(self) -> int: ...


def serving(published: Sequence[Published], outward: Edges) -> Serving:
    """Return what names and routes say of themselves."""
    nginx, relay = outward.nginx, outward.relay

    def reached() -> int:
        in_force = (relay.reached, None if nginx is None else nginx.door.reached)
        found = [one.revision for one in published]
        return min([*found, *(revision for revision in in_force if revision is not None)])

    return Serving(reached, _nothing if nginx is None else nginx.door.busy)


async def _nothing() -> frozenset[str]:
    return frozenset()
