# -*- test-case-name: tests.unit.wiring.test_composition,tests.unit.wiring.test_conditions -*-
"""
The composition root: each part of an agent, made once, from the parts it needs. Builds everything, decides nothing.

``outside`` is the world that an agent is handed, ``foundation`` what all parts stand on, ``edges`` what the world sees,
``finding`` and ``deciding`` the loops, ``subscriptions`` what wakes what. These modules and ``tap`` alone know the
reactor, the clock, the environment and the source of random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from twisted.application.service import Service

from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.settings import Settings
from daprdockr.runtime.profile import Profile
from daprdockr.runtime.settling import Settling
from daprdockr.wiring.answering import ReadSocket
from daprdockr.wiring.api_listening import api_listener
from daprdockr.wiring.deciding import Deciding, deciding
from daprdockr.wiring.edges import Edges, edges
from daprdockr.wiring.finding import Found, finding
from daprdockr.wiring.foundation import Foundation, foundation, surroundings
from daprdockr.wiring.outside import Outside
from daprdockr.wiring.parts import Parts
from daprdockr.wiring.peer_listening import peer_listener
from daprdockr.wiring.renewing import renewer
from daprdockr.wiring.reporting import Reporting, reporting
from daprdockr.wiring.subscriptions import subscribe, subscribe_peer
from daprdockr.wiring.upkeep import upkeep


@frozen
class Composition(Parts):
    """All parts of one agent; ``services`` are those that start and stop, in the order in which they start."""

    reports: Reporting
    services: tuple[Service, ...]


def compose(settings: Settings, state: StateDir, outside: Outside) -> Composition:
    """Return an agent that has begun nothing yet. :raises BadInput: an option does not fit this machine."""
    base = foundation(settings, state, outside)
    around = surroundings(base)
    outward = edges(base, around)
    found = finding(base, around, outward)
    reports = reporting(base, outward, found)
    acting = deciding(base, outward, found, reports)
    peer = peer_listener(base, outward.peer, found)
    subscribe(base, outward, found, acting, reports)
    if peer is not None:
        subscribe_peer(base, peer)
    found.member.herald.update(around.whereabouts.value)
    judged = tuple(_judged(base, found))
    offices = renewer(base, found, reports.progress), upkeep(base, found)
    services = (*_services(base, outward, found, acting, reports), *offices, found.member.troubles)
    parts = Parts(base, outward, found, acting, judged)
    ends = (_profile(settings), *services, peer, api_listener(parts), ReadSocket(parts))
    started = tuple(part for part in ends if part is not None)
    return Composition(base, outward, found, acting, judged, reports, started)


def _services(
    base: Foundation, outward: Edges, found: Found, acting: Deciding, reports: Reporting
) -> Iterable[Service | None]:
    """Yield the services; each can rely on those before it."""
    known, local, member = found.known, found.local, found.member
    yield from (outward.embedded_etcd, *base.outside.pools.all)
    yield from (outward.dns, outward.nginx, outward.former_nginx, outward.access_log, outward.relay)
    yield from (local.guarded, acting.ephemeral)
    yield from (base.journal, member.heartbeat, Settling(base.outside.pools.all))
    yield from (local.host, local.pulse, local.containerd)
    yield from (known.mirror, outward.certifying, local.witnesses, local.health, reports.progress, acting.reconcile)
    yield from (known.marking, reports.doubting, reports.departures, reports.own_course, reports.health_events)
    yield from (known.ownerless, member.write_check, local.orphans)
    yield from (local.pruning, member.embedded_key, member.own_member, member.room)
    yield from found.around.all


def _judged(base: Foundation, found: Found) -> Iterable[HasCondition]:
    member, pools = found.member, base.outside.pools
    yield from (found.known.mirror, member.heartbeat, member.write_check)
    yield from member.troubles.parts
    yield from (pools.engine.work, pools.engine.stops, pools.engine.pulls, pools.engine.checks, pools.etcd.calls)


def _profile(settings: Settings) -> Profile | None:
    return Profile(settings.cpuprofile) if settings.cpuprofile else None
