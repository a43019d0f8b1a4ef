# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The loops by which this node is a member of the cluster: its lease, its record, and its place in etcd."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from attrs import frozen

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
from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.agent.reporting.lasting_troubles import LastingTroubles
from daprdockr.dns.listening.unserved import DnsAddresses
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.runtime.connection import Connection
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.foundation import Foundation, Surroundings
from daprdockr.wiring.joining import own_member
from daprdockr.wiring.knowledge import Knowledge
from daprdockr.wiring.this_host import OnThisHost


@frozen
class Membership:
    """The loops that make this node a member of the cluster."""

    herald: Herald
    write_check: WriteCheck
    heartbeat: Heartbeat
    standing: Standing
    progress: OwnProgress
    troubles: LastingTroubles
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
        refusals=outside.etcd.refusals,
    )
    node = _identity(base)
    followed = own_member(base, outward.embedded_etcd)
    record_event = partial(base.journal.record, settings.node)
    troubles = LastingTroubles(
        reactor=outside.reactor,
        parts=tuple(_reported(base, around, known, local, outward)),
        record_event=record_event,
    )
    now = _of_this_moment(around, outward, followed)
    presence = Presence(
        node=node,
        now=now,
        cluster=base.cluster,
        host=local.host,
        failures=local.failures,
        obstacles=Obstacles(
            refused=lambda: write_check.to_publish,
            contested=lambda: known.contested.trouble,
            ailing=troubles.ailing,
        ),
        clock=outside.reactor.seconds,
    )
    progress = OwnProgress()
    heartbeat = _heartbeat(base, known, presence, progress)
    return Membership(
        herald=Herald(first=around.whereabouts.value, record_event=record_event),
        write_check=write_check,
        heartbeat=heartbeat,
        standing=Standing(node, now.where, known.mirror, local.host, heartbeat, known.contested, around.key_ids),
        progress=progress,
        troubles=troubles,
        embedded_key=_embedded_key(base),
        own_member=followed,
        room=_room(base),
    )


def _identity(base: Foundation) -> NodeIdentity:
    settings = base.settings
    return NodeIdentity(
        name=settings.node,
        labels=settings.label,
        allow=settings.allow,
        machine=base.outside.machine.mark,
        former=base.state.holder.former,
        keeps=settings.no_rebalance,
    )


def _reported(
    base: Foundation, around: Surroundings, known: Knowledge, local: OnThisHost, outward: Edges
) -> Iterable[HasCondition]:
    """Yield the parts whose troubles are reported to others: none that is in trouble merely because etcd is away."""
    yield from (local.host, local.guarded, known.contested, known.mirror.snapshots)
    if outward.embedded_etcd is not None:
        yield outward.embedded_etcd
    if outward.nginx is not None:
        yield outward.nginx
    yield outward.relay
    if outward.dns is not None:
        yield DnsAddresses(base.dns_taken, lambda: around.whereabouts.value.addresses)


def _room(base: Foundation) -> EtcdRoom | None:
    outside = base.outside
    etcd = outside.etcd.administration.upkeep
    if etcd is None:
        return None
    return EtcdRoom(reactor=outside.reactor, run=outside.pools.etcd.upkeep, etcd=etcd, wall=outside.clocks.wall)


def _of_this_moment(around: Surroundings, outward: Edges, followed: OwnMember | None) -> OfThisMoment:
    certifying, peer = outward.certifying, outward.peer
    return OfThisMoment(
        where=lambda: around.whereabouts.value,
        keys=around.key_ids,
        keyless=lambda: around.cluster_keys.trouble,
        certificates=lambda: (
            OwnCertificates()
            if certifying is None
            else OwnCertificates(certifying.files, certifying.troubles, serves=True, brief=certifying.brief)
        ),
        peer=lambda: PeerPlace() if peer is None else PeerPlace(peer.published, peer.fingerprint),
        etcd=lambda: "" if followed is None else followed.role,
        etcd_certificates=lambda: {} if around.certificates is None else around.certificates.value.ends,
    )


def _embedded_key(base: Foundation) -> EmbeddedKey | None:
    """Return what makes the cluster key of our own etcd; None where etcd is not ours, or a file of the key is named."""
    outside, settings = base.outside, base.settings
    if not (settings.embedded_etcd or settings.founded) or settings.cluster_key is not None:
        return None
    return EmbeddedKey(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        place=base.cluster.keys.public_key,
        path=ClusterFiles(settings.state_dir).cluster_key,
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
