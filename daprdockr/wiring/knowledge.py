# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The loops that follow etcd, and what follows from its content."""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.membership.contested import Contested
from daprdockr.agent.mirror.marking import Marking
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.mirror.ownerless import Ownerless
from daprdockr.agent.mirror.views import Views
from daprdockr.agent.reporting.gone_nodes import GoneNodes
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.wiring.foundation import Foundation


@frozen
class Knowledge:
    """The content of etcd, its consequences, and the loops that keep it in order."""

    own_claims: OwnClaims
    mass_expiry: MassExpiry
    contested: Contested
    mirror: Mirror
    marking: Marking
    ownerless: Ownerless
    outage: Outage
    gone_nodes: GoneNodes


def knowledge(base: Foundation) -> Knowledge:
    node, cluster, seconds = base.settings.node, base.cluster, base.outside.reactor.seconds
    own_claims = OwnClaims(node=node, cluster=cluster)
    mass_expiry = MassExpiry(node=node, clock=seconds, cluster=cluster, ttl=base.settings.lease_ttl)
    contested = Contested(node=node, cluster=cluster)
    outage = Outage(seconds)
    mirror = _mirror(base, Views((own_claims, mass_expiry, contested), base.signals.cluster_changed), outage)
    gone_nodes = GoneNodes(cluster, base.outside.clocks.wall)
    loops = _marking(base, mirror), _ownerless(base, mirror)
    return Knowledge(own_claims, mass_expiry, contested, mirror, *loops, outage, gone_nodes)


def _mirror(base: Foundation, views: Views, outage: Outage) -> Mirror:
    outside = base.outside
    return Mirror(
        reactor=outside.reactor,
        etcd=Connection(outside.etcd.store, outside.pools.etcd.calls, outage),
        cluster=base.cluster,
        state=base.state,
        draw_identity=outside.chance.secret,
        follow=outside.etcd.follow,
        on_changes=views,
    )


def _marking(base: Foundation, mirror: Mirror) -> Marking:
    outside = base.outside
    return Marking(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        mirror=mirror,
        draw=outside.chance.secret,
        chance=outside.chance.fraction,
    )


def _ownerless(base: Foundation, mirror: Mirror) -> Ownerless:
    outside = base.outside
    return Ownerless(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        cluster=base.cluster,
        in_touch=lambda: mirror.in_touch,
        chance=outside.chance.fraction,
        record_event=base.journal.record,
    )
