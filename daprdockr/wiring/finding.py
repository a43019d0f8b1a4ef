# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""
The loops that observe: etcd, this host, and this node's standing in the cluster.

They are made in an order in which each finds those it depends on. ``subscriptions`` says which signals wake which
loops.
"""

from __future__ import annotations

from functools import partial

from attrs import frozen

from daprdockr.agent.guarding.claimed import claimed_under
from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.host.containerd import ContainerdPulse
from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.deaths import Deaths
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.agent.host.pruning import Pruning
from daprdockr.agent.host.pulse import Pulse
from daprdockr.agent.host.stock import Stock
from daprdockr.agent.membership.contested import Contested
from daprdockr.agent.membership.embedded_key import EmbeddedKey
from daprdockr.agent.membership.etcd_room import EtcdRoom
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.kept_lease import KeptLease
from daprdockr.agent.membership.own_member import OwnMember
from daprdockr.agent.membership.presence import (
    NodeIdentity,
    Obstacles,
    OfThisMoment,
    OwnCertificates,
    PeerPlace,
    Presence,
)
from daprdockr.agent.membership.progress import OwnProgress
from daprdockr.agent.membership.registration import Registration
from daprdockr.agent.membership.standing import Standing
from daprdockr.agent.membership.whereabouts import Herald
from daprdockr.agent.membership.write_check import WriteCheck
from daprdockr.agent.mirror.marking import Marking
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.mirror.ownerless import Ownerless
from daprdockr.agent.mirror.views import Views
from daprdockr.agent.mirror.witnesses import Witnesses
from daprdockr.agent.reporting.lost_nodes import LostNodes
from daprdockr.agent.reporting.orphans import Orphans
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.host import ContainerState
from daprdockr.planning.candidates import runs_elsewhere
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.foundation import Foundation, Surroundings
from daprdockr.wiring.joining import own_member
from daprdockr.wiring.pruning import pruning


@frozen
class Found:
    """The observing loops: of the surroundings, of etcd, of this host, and of this node's standing."""

    around: Surroundings
    known: Knowledge
    local: OnThisHost
    member: Membership


def finding(base: Foundation, around: Surroundings, outward: Edges) -> Found:
    known = knowledge(base)
    local = on_this_host(base, known)
    return Found(around, known, local, membership(base, around, known, local, outward))


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
    lost_nodes: LostNodes


def knowledge(base: Foundation) -> Knowledge:
    node, cluster, seconds = base.settings.node, base.cluster, base.outside.reactor.seconds
    own_claims = OwnClaims(node=node, cluster=cluster)
    mass_expiry = MassExpiry(node=node, clock=seconds, cluster=cluster, ttl=base.settings.lease_ttl)
    contested = Contested(node=node, cluster=cluster)
    outage = Outage(seconds)
    mirror = _mirror(base, Views((own_claims, mass_expiry, contested), base.signals.cluster_changed), outage)
    lost_nodes = LostNodes(cluster, base.outside.clocks.wall)
    loops = _marking(base, mirror), _ownerless(base, mirror)
    return Knowledge(own_claims, mass_expiry, contested, mirror, *loops, outage, lost_nodes)


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


@frozen
class OnThisHost:
    """The containers of this host, their failures, their health, and how long each may run."""

    host: Host
    failures: Failures
    pulse: Pulse
    containerd: ContainerdPulse
    health: HealthChecks
    guarded: Guarded
    orphans: Orphans
    witnesses: Witnesses
    pruning: Pruning | None = None


def on_this_host(base: Foundation, known: Knowledge) -> OnThisHost:
    outside, node = base.outside, base.settings.node
    failures = Failures(
        clock=outside.reactor.seconds,
        chance=outside.chance.fraction,
        runs_elsewhere=lambda service, digest: runs_elsewhere(base.cluster.claims(service).values(), node, digest),
    )
    host = _host(base, failures)
    return OnThisHost(
        host=host,
        failures=failures,
        pulse=Pulse(reactor=outside.reactor, run=outside.pools.engine.ping, engine=base.docker.engine, host=host),
        containerd=ContainerdPulse(
            reactor=outside.reactor, run=outside.pools.engine.ping, engine=base.docker.engine, host=host
        ),
        health=HealthChecks(
            reactor=outside.reactor,
            probe=base.docker.probe,
            chance=outside.chance.fraction,
            on_changes=lambda service: base.signals.services_changed([service]),
        ),
        guarded=_guarded(base, known, host),
        orphans=Orphans(
            reactor=outside.reactor,
            host=host,
            mirror=known.mirror,
            own_containers=base.own_containers,
            own=(node, outside.machine.mark),
            record_event=base.journal.record,
        ),
        witnesses=Witnesses(mirror=known.mirror, containers=partial(_listed, host)),
        pruning=pruning(base, known.mirror, host),
    )


def _listed(host: Host) -> tuple[ContainerState, ...] | None:
    """Return the containers with our labels, adopted or not; None until the Engine listed them."""
    return (*host.containers, *host.containers.held_back) if host.listed else None


def _host(base: Foundation, failures: Failures) -> Host:
    outside, stock = base.outside, Stock(failures.pulled)
    containers = Containers(
        reactor=outside.reactor,
        failures=failures,
        on_changes=base.signals.services_changed,
        on_cut_off=stock.doubt,
        on_death=Deaths(
            last_words=ReadLastWords(base.docker.engine, outside.pools.engine.checks),
            failures=failures,
            record_event=base.journal.record,
            on_changes=base.signals.services_changed,
        ),
        is_held_back=base.own_containers.is_held_back,
    )
    return Host(
        reactor=outside.reactor,
        run=outside.pools.engine.work,
        engine=base.docker.engine,
        listen=base.docker.listen,
        containers=containers,
        stock=stock,
        on_answer=base.signals.node_changed,
    )


def _guarded(base: Foundation, known: Knowledge, host: Host) -> Guarded:
    clocks, settings = base.outside.clocks, base.settings
    return Guarded(
        guard=base.outside.machine.guard,
        host=host,
        ttl=settings.lease_ttl,
        boottime=clocks.boottime,
        boot=clocks.boot,
        ephemeral=settings.ephemeral,
        claimed=partial(claimed_under, known.mirror, settings.node),
    )


@frozen
class Membership:
    """The loops that make this node a member of the cluster."""

    herald: Herald
    write_check: WriteCheck
    heartbeat: Heartbeat
    standing: Standing
    progress: OwnProgress
    embedded_key: EmbeddedKey | None
    own_member: OwnMember | None = None
    room: EtcdRoom | None = None


def membership(
    base: Foundation, around: Surroundings, known: Knowledge, local: OnThisHost, outward: Edges
) -> Membership:
    settings, outside, keys = base.settings, base.outside, base.cluster.keys
    write_check = WriteCheck(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        record=keys.node(settings.node),
        keys=keys.trials,
    )
    node = NodeIdentity(settings.node, settings.label, settings.allow, outside.machine.mark, base.state.holder.former)
    followed = own_member(base, outward.embedded_etcd)
    now = _of_this_moment(around, outward, followed)
    presence = Presence(
        node=node,
        now=now,
        cluster=base.cluster,
        host=local.host,
        failures=local.failures,
        obstacles=Obstacles(refused=lambda: write_check.to_publish, contested=lambda: known.contested.trouble),
        clock=outside.reactor.seconds,
    )
    progress = OwnProgress()
    heartbeat = _heartbeat(base, known, presence, progress)
    return Membership(
        herald=Herald(first=around.whereabouts.value, record_event=partial(base.journal.record, settings.node)),
        write_check=write_check,
        heartbeat=heartbeat,
        standing=Standing(node, now.where, known.mirror, local.host, heartbeat, known.contested, around.key_ids),
        progress=progress,
        embedded_key=_embedded_key(base)
        if (settings.embedded_etcd or settings.founded) and settings.cluster_key is None
        else None,
        own_member=followed,
        room=_room(base),
    )


def _room(base: Foundation) -> EtcdRoom | None:
    outside = base.outside
    etcd = outside.etcd.administration.upkeep
    if etcd is None:
        return None
    return EtcdRoom(reactor=outside.reactor, run=outside.pools.etcd.calls, etcd=etcd, wall=outside.clocks.wall)


def _of_this_moment(around: Surroundings, outward: Edges, followed: OwnMember | None) -> OfThisMoment:
    certifying, peer = outward.certifying, outward.peer
    return OfThisMoment(
        where=lambda: around.whereabouts.value,
        keys=around.key_ids,
        keyless=lambda: around.cluster_keys.trouble,
        certificates=lambda: (
            OwnCertificates() if certifying is None else OwnCertificates(certifying.files, certifying.troubles)
        ),
        peer=lambda: PeerPlace() if peer is None else PeerPlace(peer.published, peer.fingerprint),
        etcd=lambda: "" if followed is None else followed.role,
    )


def _embedded_key(base: Foundation) -> EmbeddedKey:
    outside = base.outside
    return EmbeddedKey(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        place=base.cluster.keys.public_key,
        path=ClusterFiles(base.settings.state_dir).cluster_key,
    )


def _heartbeat(base: Foundation, known: Knowledge, presence: Presence, progress: OwnProgress) -> Heartbeat:
    settings, outside = base.settings, base.outside
    registration = Registration(
        run=outside.pools.etcd.beats,
        store=outside.etcd.beats,
        key=base.cluster.keys.node(settings.node),
        record=lambda steady: progress(presence(steady)),
        is_listed=presence.is_listed,
    )
    return Heartbeat(
        reactor=outside.reactor,
        etcd=Connection(outside.etcd.beats, outside.pools.etcd.beats, known.outage),
        registration=registration,
        ttl=settings.lease_ttl,
        kept=KeptLease(state=base.state, run=outside.pools.files),
        on_change=base.signals.node_changed,
        boottime=outside.clocks.boottime,
    )
