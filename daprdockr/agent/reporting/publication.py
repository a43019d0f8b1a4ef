# -*- test-case-name: tests.unit.agent.reporting.test_publish,tests.unit.agent.reporting.test_publish_ports -*-
"""The parts that the publishing of names and host names and that of ports have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.routed_ports import Kind
from daprdockr.proxy.routes import Upstream
from daprdockr.proxy.routing import Refusal
from daprdockr.runtime.timer import Timer


class ChangedServices:
    """
    The services that changed and are not published yet: all of one turn of the reactor are published in the next.

    :param publish: publishes these services.
    """

    def __init__(
        self, reactor: IReactorTime, cluster: ClusterView, publish: Callable[[set[ServiceName]], None]
    ) -> None:
        self._cluster = cluster
        self._publish = publish
        self._revision = 0
        self._changed: set[ServiceName] = set()
        self._turn = Timer(reactor, self._take)

    @property
    def revision(self) -> int:
        """The revision of the cluster up to which everything is published; 0 before the first time."""
        return self._revision if self._turn.is_set or not self._revision else self._cluster.revision

    def add(self, services: Iterable[ServiceName] = ()) -> None:
        """Publish soon, even if no service changed."""
        self._changed.update(services)
        self._turn.set(0)

    def _take(self) -> None:
        changed, self._changed = self._changed, set()
        self._revision = self._cluster.revision
        self._publish(changed)


class RefusalEvents:
    """:param record: takes a refusal that is new."""

    def __init__(self, record: Callable[[Refusal], None]) -> None:
        self._record = record
        self._known: frozenset[Refusal] = frozenset()

    def record(self, refusals: Iterable[Refusal]) -> None:
        """Record an event for each refusal that is new."""
        found = frozenset(refusals)
        for refusal in sorted(found - self._known):
            self._record(refusal)
        self._known = found


def upstreams(
    claims: Iterable[Claim], node: str, kind: Kind, index: int, container_port: int, of: int | str
) -> tuple[Upstream, ...]:
    """
    Return the healthy instances that publish the port of an entry, as ``node`` reaches them. The entry is the one at
    ``index`` in that part of the definition, and known by ``of``: Note [The ports of its own definition] in
    ``model.wanted.routed_ports``.
    """
    led = ((claim, claim.record.routed.led_to(kind, index, container_port, of)) for claim in claims)
    found = (_upstream(claim, node, kind, port) for claim, port in led)
    return tuple(upstream for upstream in found if upstream is not None)


def _upstream(claim: Claim, node: str, kind: Kind, port: int) -> Upstream | None:
    record, protocol = claim.record, "udp" if kind == "udp" else "tcp"
    ports = [p.host for p in record.ports if (p.container, p.protocol) == (port, protocol) and p.host]
    if not (record.healthy and record.addresses and ports):
        return None
    return Upstream(claim.instance, record.addresses[0], ports[0], local=claim.node == node)
