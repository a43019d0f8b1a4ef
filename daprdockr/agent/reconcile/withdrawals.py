# -*- test-case-name: tests.unit.agent.reconcile.test_withdrawals -*-
"""
The copies on this host to which no claim leads, since when and since which revision; and the services whose plans wait
for other nodes because of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.membership.progress import ClusterProgress
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.planning.keeping.withdrawing import is_led_to
from daprdockr.planning.situation import Fronts, Here, KnownClaims, Withdrawn


class Withdrawals:
    """:param here: returns this node, as it is at the moment of the call."""

    def __init__(
        self,
        *,
        here: Callable[[], Here],
        cluster: ClusterView,
        own_claims: OwnClaims,
        containers: Containers,
        progress: ClusterProgress,
    ) -> None:
        self._here = here
        self._cluster = cluster
        self._own_claims = own_claims
        self._containers = containers
        self._progress = progress
        self._withdrawn: dict[ServiceName, dict[str, Withdrawn]] = {}
        self.waiting: set[ServiceName] = set()
        """The services of which a copy is withdrawn, and not stopped yet."""

    def observe(self, service: ServiceName, now: float) -> None:
        """Record which copies of a service nothing leads to at ``now`` (monotonic seconds)."""
        before = self._withdrawn.get(service, {})
        found = {c: before.get(c) or Withdrawn(now, revision) for c, revision in self._unled(service)}
        if found:
            self._withdrawn[service] = found
        else:
            self._withdrawn.pop(service, None)

    def wait(self, service: ServiceName, revision: int) -> None:
        """Take note of what the latest plan of a service waits for: that all nodes have reached a revision (0: not)."""
        if revision:
            self.waiting.add(service)
            self._progress.wait_for(revision)
        else:
            self.waiting.discard(service)

    def of(self, service: ServiceName) -> Fronts:
        """Return the state of names and routes as the planner sees it."""
        withdrawn = self._withdrawn.get(service)
        if withdrawn is None:
            return Fronts()
        progress = self._progress
        return Fronts(withdrawn, progress.reached, frozenset(self._own_ports(progress.busy)))

    def _unled(self, name: ServiceName) -> Iterator[tuple[str, int]]:
        """Yield the running copies to which nothing leads, each with the latest revision that may say so."""
        cluster, node = self._cluster, self._here().node
        service, owners = cluster.services.get(name), cluster.claims(name)
        claims = KnownClaims(owners=owners, lost=self._own_claims.lost(name))
        for number, copies in self._containers.of(name).items():
            noted = owners[number].revision if number in owners else 0  # perhaps ahead of the mirror: an own write
            for copy in copies:
                if copy.running and not is_led_to(node, service, claims, copy):
                    yield copy.id, max(cluster.revision, noted)

    def _own_ports(self, endpoints: frozenset[str]) -> Iterator[int]:
        """Yield the host ports of this node among endpoints."""
        own = self._here().addresses
        for endpoint in endpoints:
            address, _, port = endpoint.rpartition(":")
            if port.isascii() and port.isdigit() and address.strip("[]") in own:
                yield int(port)
