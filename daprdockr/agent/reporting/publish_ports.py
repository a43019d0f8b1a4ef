"""
Publishing TCP and UDP routes: the instances in the claims, and what this node has no port for.

As ``publish``, it needs nothing but the mirror's content, and computes only the services that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.reporting.publication import ChangedServices, RefusalEvents, upstreams
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim
from daprdockr.proxy.ports import PortRouting, PortService, WantedPort, port_routing
from daprdockr.proxy.routing import Refusal
from daprdockr.relay.message import PortKey
from daprdockr.runtime.signal import Signal


class PublishPorts:
    """
    ``routings`` sends the routing after each change of it; ``published`` is sent after that, too if nothing changed.

    :param claims: returns the claims of a service that count.
    :param held: returns the ports of this node that cannot be routes, and who has them.
    :param record_refusal: takes what is not routed, and why, for people.
    """

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        node: str,
        cluster: ClusterView,
        claims: Callable[[ServiceName], list[Claim]],
        held: Callable[[], Mapping[PortKey, str]],
        record_refusal: Callable[[Refusal], None],
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._claims = claims
        self._held = held
        self.routings: Signal[[PortRouting]] = Signal()
        self.published: Signal[[]] = Signal()
        self._changed = ChangedServices(reactor, cluster, self._publish)
        self._services: dict[ServiceName, PortService] = {}
        self._routing: PortRouting | None = None
        self._refusals = RefusalEvents(record_refusal)

    @property
    def revision(self) -> int:
        """The revision of the cluster up to which everything is published; 0 before the first time."""
        return self._changed.revision

    def on_changes(self, changes: Changes) -> None:
        """Publish the services that changed, all changes of this turn of the reactor together."""
        self._changed.add(changes.services)

    def on_containers(self, services: Iterable[ServiceName]) -> None:
        """Publish again if containers here have other ports."""
        if self._services:
            self._changed.add()

    def _publish(self, changed: set[ServiceName]) -> None:
        for service in changed:
            found = self._of(service)
            if found is None:
                self._services.pop(service, None)
            else:
                self._services[service] = found
        routing = port_routing(self._services.values(), self._held() if self._services else {})
        if routing != self._routing:
            self._routing = routing
            self.routings(routing)
            self._refusals.record(routing.refusals)
        self.published()

    def _of(self, service: ServiceName) -> PortService | None:
        known = self._cluster.services.get(service)
        if known is None or not (known.definition.routed or known.definition.container.host_ports):
            return None
        claims = self._claims(service)
        of = partial(upstreams, claims, self._node)
        tcp = (
            WantedPort("tcp", route.port, of("tcp", index, route.container_port, route.port), route.proxy_protocol)
            for index, route in enumerate(known.definition.tcp)
        )
        udp = (
            WantedPort("udp", route.port, of("udp", index, route.container_port, route.port))
            for index, route in enumerate(known.definition.udp)
        )
        fixed = (WantedPort(p.protocol, p.host, (), fixed=True) for p in known.definition.container.host_ports)
        return PortService(service, (*tcp, *udp, *fixed), known.created)
