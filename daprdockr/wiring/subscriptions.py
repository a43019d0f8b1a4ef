# -*- test-case-name: tests.unit.wiring.test_subscriptions -*-
"""
All subscriptions: the one place in which the parts of an agent subscribe to signals.

The order of these lines carries no meaning: a subscriber that is notified of a change may query any other part, and
finds it as it is after the change or is notified again. A part that has to know first is no subscriber: Note [Views
before subscribers] in ``daprdockr.agent.mirror.views``.
"""

from __future__ import annotations

from functools import partial

from daprdockr.peer.listener import PeerListener
from daprdockr.wiring.deciding import Deciding
from daprdockr.wiring.edges import Edges, forwarding
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.reporting import Reporting


def subscribe(base: Foundation, outward: Edges, found: Found, acting: Deciding, reports: Reporting) -> None:
    """Subscribe the loops to the signals of the foundation, by which they wake each other."""
    signals, known, local, member = base.signals, found.known, found.local, found.member
    signals.cluster_changed.subscribe(base.journal.on_changes)
    signals.cluster_changed.subscribe(local.host.containers.on_changes)
    signals.cluster_changed.subscribe(member.heartbeat.on_changes)
    signals.cluster_changed.subscribe(reports.publish.on_changes)
    signals.cluster_changed.subscribe(reports.publish_ports.on_changes)
    signals.cluster_changed.subscribe(reports.publish_challenges.on_changes)
    signals.cluster_changed.subscribe(acting.reconcile.on_changes)
    signals.cluster_changed.subscribe(acting.stopped.on_changes)
    signals.cluster_changed.subscribe(known.ownerless.on_changes)
    signals.cluster_changed.subscribe(known.gone_nodes.on_changes)
    signals.cluster_changed.subscribe(reports.departures.on_changes)
    signals.cluster_changed.subscribe(reports.health_events.on_changes)
    signals.cluster_changed.subscribe(lambda changes: reports.own_course.look() if changes.nodes else None)
    signals.node_changed.subscribe(reports.own_course.look)
    signals.cluster_changed.subscribe(reports.progress.on_changes)
    signals.cluster_changed.subscribe(lambda changes: _plan_waiting(acting) if changes.progress else None)
    reports.progress.advanced.subscribe(lambda: _plan_waiting(acting))
    for published in (reports.publish.published, reports.publish_ports.published):
        published.subscribe(reports.progress.check)
    signals.cluster_changed.subscribe(local.witnesses.on_changes)
    member.heartbeat.beats.subscribe(local.guarded.on_beat)
    member.heartbeat.regained.subscribe(known.mass_expiry.on_regained)
    signals.services_changed.subscribe(local.guarded.on_changes)
    signals.services_changed.subscribe(acting.reconcile.mark_dirty)
    signals.services_changed.subscribe(reports.publish_ports.on_containers)
    signals.node_changed.subscribe(acting.reconcile.mark_all_dirty)
    signals.node_changed.subscribe(local.witnesses.compare)
    _subscribe_to_surroundings(base, outward, found, reports)
    _subscribe_edges(base, outward, reports)
    _subscribe_certifying(base, outward, found)


def subscribe_peer(base: Foundation, peer: PeerListener) -> None:
    """Subscribe the listener for sessions, where there is one."""
    base.signals.services_changed.subscribe(peer.on_changes)


def _subscribe_certifying(base: Foundation, outward: Edges, found: Found) -> None:
    certifying, around = outward.certifying, found.around
    if certifying is None:
        return
    base.signals.cluster_changed.subscribe(certifying.on_changes)
    certifying.unusable.subscribe(partial(record_unusable, base))
    around.cluster_keys.subscribe(lambda keys: certifying.wake())
    if around.given_pairs is not None:
        around.given_pairs.subscribe(lambda pairs: certifying.wake())


def record_unusable(base: Foundation, subject: str, text: str, is_own: bool) -> None:
    """All nodes see alike what is stored, and each its own files and keys: each has one event of these."""
    base.journal.record_once(subject, text, subject, text, base.settings.node if is_own else "")


def _plan_waiting(acting: Deciding) -> None:
    """Plan again the services whose copies wait until no node leads to them."""
    acting.reconcile.mark_dirty(acting.withdrawals.waiting)


def _subscribe_to_surroundings(base: Foundation, outward: Edges, found: Found, reports: Reporting) -> None:
    around, herald, dns = found.around, found.member.herald, outward.dns
    around.whereabouts.subscribe(herald.update)
    herald.moved.subscribe(reports.publish.on_move)
    around.whereabouts.subscribe(lambda here: outward.relay.move(here.listened))
    herald.moved.subscribe(lambda addresses: base.signals.node_changed())
    if around.certificates is not None:
        around.certificates.subscribe(lambda content: base.outside.etcd.connections.renew())
    if around.password is not None:
        around.password.subscribe(base.outside.etcd.connections.use_password)
    if around.upstreams is not None and dns is not None:
        around.upstreams.subscribe(lambda upstreams: dns.forward(forwarding(base, upstreams)))


def _subscribe_edges(base: Foundation, outward: Edges, reports: Reporting) -> None:
    dns, nginx = outward.dns, outward.nginx
    if dns is not None:
        reports.publish.zones.subscribe(dns.publish)
        reports.publish_challenges.zones.subscribe(dns.publish_challenges)
    ports = reports.publish_ports
    ports.routings.subscribe(lambda routing: outward.relay.publish(routing, ports.revision))
    outward.relay.in_force.subscribe(reports.progress.check)
    base.signals.cluster_changed.subscribe(lambda changes: outward.relay.confirm())
    if nginx is not None:
        reports.publish.routings.subscribe(lambda routing: nginx.door.publish(routing.routes, reports.publish.revision))
        base.signals.cluster_changed.subscribe(lambda changes: nginx.door.confirm())
        base.signals.cluster_changed.subscribe(lambda changes: nginx.door.answer_challenges(base.cluster.thumbprint))
        nginx.door.in_force.subscribe(reports.progress.check)
