"""
Publishing: the instances in the claims become DNS zone and HTTP routes. Only the services that changed are computed,
and nothing is published when a change shows in neither, as about half of them while instances start.

It needs nothing but the mirror's content, so names and routes stay while etcd is away. An instance counts when its
service is defined, its number is wanted, and its owner reports that it is healthy; or when it was this node's, is
nobody's now, and its container runs on: see Note [A lease that ended] in ``own_claims``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.reporting.publication import ChangedServices, RefusalEvents, upstreams
from daprdockr.dns.zone.zone import Running, Zone
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim
from daprdockr.proxy.routing import HttpChange, HttpEntry, HttpService, Refusal, Routing, changed_routing
from daprdockr.runtime.signal import Signal

T = TypeVar("T")


class Publish:
    """
    ``zones`` sends the zone after each change of it, and ``routings`` the routing; ``published`` is sent after both.

    :param may_run: returns whether the container of a claim that was this node's still runs.
    :param record_refusal: takes what is not routed, and why, for people.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        node: str,
        addresses: Iterable[str],
        cluster: ClusterView,
        own_claims: OwnClaims,
        may_run: Callable[[Claim], bool],
        record_refusal: Callable[[Refusal], None],
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._own_claims = own_claims
        self._may_run = may_run
        self.zones: Signal[[Zone]] = Signal()
        self.routings: Signal[[Routing]] = Signal()
        self.published: Signal[[]] = Signal()
        self._changed = ChangedServices(reactor, cluster, self._publish)
        self._zone = Zone.of((), serial=1, addresses=addresses)
        self._named: dict[ServiceName, tuple[Running, ...]] = {}
        self._http: dict[ServiceName, HttpService] = {}
        self._http_changes: list[HttpChange] = []
        self._zone_is_news = True
        self._routing: Routing | None = None
        self._refusals = RefusalEvents(record_refusal)

    @property
    def revision(self) -> int:
        """The revision of the cluster up to which everything is published; 0 before the first time."""
        return self._changed.revision

    def on_changes(self, changes: Changes) -> None:
        """Publish the services that changed, all changes of this turn of the reactor together."""
        self._changed.add(changes.services)

    def on_move(self, addresses: Iterable[str]) -> None:
        """Publish this node's own addresses, which changed."""
        self._zone = self._zone.moved(addresses)
        self._zone_is_news = True
        if self._routing is not None:  # before anything is known, no routes would replace those of an earlier agent
            self._changed.add()

    def _publish(self, changed: set[ServiceName]) -> None:
        for service in changed:
            claims = self.claims(service)
            self._set_names(service, claims)
            self._set_http(service, claims)
        if self._zone_is_news:
            self._zone_is_news = False
            self.zones(self._zone)
        if self._http_changes or self._routing is None:
            changes, self._http_changes = self._http_changes, []
            self._publish_routing(changed_routing(self._routing, changes, self._http.values()))
        self.published()

    def _publish_routing(self, routes: Routing) -> None:
        if routes != self._routing:
            self._routing = routes
            self.routings(routes)
            self._refusals.record(routes.refusals)

    def claims(self, service: ServiceName) -> list[Claim]:
        """
        Return the claims that count, by number; if the definition cannot be read all do, because nothing is known
        against them.
        """
        if not self._cluster.is_declared(service):
            return []
        known = self._cluster.services.get(service)
        lost = [claim for claim in self._own_claims.lost(service).values() if self._may_run(claim)]
        claims = sorted([*self._cluster.claims(service).values(), *lost], key=lambda claim: claim.instance.number)
        return [claim for claim in claims if known is None or claim.instance.number <= known.definition.instances]

    def _set_names(self, service: ServiceName, claims: Iterable[Claim]) -> None:
        known = self._cluster.services.get(service)
        declared = self._cluster.is_declared(service) and (known is None or known.definition.schedule is None)
        running = tuple(_running(claim) for claim in claims if claim.record.healthy) if declared else None
        if _note(self._named, service, running):
            self._zone = self._zone.replace(service, running or (), declared=declared)
            self._zone_is_news = True

    def _set_http(self, service: ServiceName, claims: Iterable[Claim]) -> None:
        before = self._http.get(service)
        if _note(self._http, service, self._http_of(service, claims)):
            self._http_changes.append((before, self._http.get(service)))

    def _http_of(self, service: ServiceName, claims: Iterable[Claim]) -> HttpService | None:
        known = self._cluster.services.get(service)
        if known is None or not known.definition.http:
            return None
        claims = tuple(claims)
        of_entry = partial(upstreams, claims, self._node, "http")
        http = known.definition.http
        if not known.definition.instances:  # none will come: a request would wait in vain, in the place of others
            http = tuple(evolve(one, hold=0.0) for one in http)
        entries = tuple(HttpEntry(h, of_entry(i, h.container_port, h.known_by)) for i, h in enumerate(http))
        return HttpService(service, entries, known.created, self._cluster.pauses.get(service))


def _note(shown: dict[ServiceName, T], service: ServiceName, now: T | None) -> bool:
    """Record what a service shows now, None for nothing; return whether that differs from before."""
    if now == shown.get(service):
        return False
    if now is None:
        del shown[service]
    else:
        shown[service] = now
    return True


def _running(claim: Claim) -> Running:
    return Running(claim.instance, claim.record.addresses, claim.record.ports)
