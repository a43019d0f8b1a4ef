# -*- test-case-name: tests.unit.agent.reconcile.test_rollouts -*-
"""Since when slots of rollouts have been free, and copies on this host healthy, as this node sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import evolve

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.reconcile.first_seen import FirstSeen
from daprdockr.agent.reconcile.own_checks import OwnChecks
from daprdockr.agent.reconcile.under_way import UnderWay
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Service
from daprdockr.planning.keeping.reporting import verdict
from daprdockr.planning.keeping.rolling import is_outdated
from daprdockr.planning.situation import Here, OnHost, Rollout, Situation, Wanted


class RolloutTimes:
    """
    :param here: returns this node, as it is at the moment of the call.
    :param on_host: returns what this host has of a service.
    :param checks: by which check each copy is judged, noted before its health is asked for.
    """

    def __init__(
        self,
        *,
        here: Callable[[], Here],
        cluster: ClusterView,
        containers: Containers,
        on_host: Callable[[ServiceName, Service | None], OnHost],
        checks: OwnChecks,
    ) -> None:
        self._here = here
        self._cluster = cluster
        self._containers = containers
        self._on_host = on_host
        self._checks = checks
        self._free = FirstSeen()
        self.under_way = UnderWay(here=here, cluster=cluster)
        self._well: dict[ServiceName, dict[tuple[str, float], float]] = {}

    def observe(self, service: ServiceName, now: float) -> None:
        """Record which slots of a service are free, and which of its copies healthy, at ``now`` (monotonic seconds)."""
        self._checks.observe(service)
        self._free(service, self._free_now(service), now)
        self.under_way.observe(service, now)
        before = self._well.get(service, {})
        well = {start: before.get(start, now) for start in self._well_now(service, now)}
        if well:
            self._well[service] = well
        else:
            self._well.pop(service, None)

    def of(self, service: ServiceName) -> Rollout:
        """Return how far the rollout of a service is."""
        well = {container: since for (container, _), since in self._well.get(service, {}).items()}
        return evolve(
            self.under_way.of(service),
            slots=dict(self._cluster.slots(service)),
            vacant_since=dict(self._free.of(service)),
            well_since=well,
        )

    def _free_now(self, name: ServiceName) -> Iterator[int]:
        """Yield the free slots, as long as there is an instance that could need one."""
        service = self._cluster.services.get(name)
        if service is None:
            return
        definition = service.definition
        if any(is_outdated(claim, definition) for claim in self._cluster.claims(name).values()):
            most = min(definition.update.parallelism, definition.instances)
            slots = self._cluster.slots(name)
            yield from (number for number in range(1, most + 1) if number not in slots)

    def _well_now(self, name: ServiceName, now: float) -> Iterator[tuple[str, float]]:
        """Yield each healthy copy by its container and start, as long as there is a slot, or several of an instance."""
        service = self._cluster.services.get(name)
        copies = self._containers.of(name).values()
        if service is None or not (self._cluster.slots(name) or any(len(ones) > 1 for ones in copies)):
            return
        seen = Situation(self._here(), name, wanted=Wanted(service), host=self._on_host(name, service))
        for one in (one for ones in seen.host.containers.values() for one in ones):
            if one.running and verdict(seen, one, service.definition, now):
                yield one.id, one.started
