"""
Gathering: the knowledge of mirror, host, health checks and heartbeat about one service, as the planner's ``Situation``.

It reads, and changes nothing; its cost is that of the service, whatever else there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, field, frozen

from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.mirror.roster import Roster
from daprdockr.agent.reconcile.own_checks import OwnChecks
from daprdockr.agent.reconcile.since import Since
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.planning.attempts import NONE
from daprdockr.planning.diagnosis import UNKNOWN, Diagnosis
from daprdockr.planning.placing.awaited import lacking
from daprdockr.planning.situation import Here, KnownClaims, Moving, OnHost, Placing, Situation, Wanted


def _is_well(claim: Claim) -> bool:
    return claim.record.healthy and not claim.record.leaving


@frozen
class GatherClaims:
    """Call it for the claims of a service."""

    mirror: Mirror
    own_claims: OwnClaims
    unanswered: Unanswered

    def __call__(self, name: ServiceName) -> KnownClaims:
        cluster = self.mirror.cluster
        return KnownClaims(
            owners=dict(cluster.claims(name)),
            successors=dict(cluster.successors(name)),
            lost=dict(self.own_claims.lost(name)),
            unanswered=self.unanswered.of(name),
            volumes=dict(cluster.volumes(name)),
        )


@frozen
class GatherHost:
    """Call it for what this host has of a service; ``renewed`` is that of ``Delivery``."""

    host: Host
    failures: Failures
    health: HealthChecks
    checks: OwnChecks
    renewed: Mapping[str, tuple[str, ...]] = field(factory=dict)

    def __call__(self, name: ServiceName, service: Service | None) -> OnHost:
        containers = dict(self.host.containers.of(name))
        copies = [one for ones in containers.values() for one in ones]
        ids, cut_off = {one.id for one in copies}, {one.cut_off for one in copies if one.cut_off}
        there = self.host.stock.inventory.networks if cut_off else ()
        image, restart = (service.definition.image, service.definition.to_pull) if service is not None else ("", "")
        resolved = self.host.stock.resolved.get((image, restart))
        return OnHost(
            containers=containers,
            image=self.host.stock.images.get(image),
            lacks_image=bool(image) and self.host.stock.lacks(image),
            pulled_for=restart if resolved is not None else "",
            resolved=resolved or "",
            pull=self.failures.of_image(image) if image else NONE,
            attempts=self.failures.of_copies(name),
            lacking=self.failures.lacking.get(name, ""),
            networks=cut_off.intersection(key for network in there for key in (network.name, network.id)),
            health=self._health_of(ids),
            checks=self.checks.of(name),
            renewed={one.id: self.renewed[one.mark] for one in copies if one.mark in self.renewed},
            stopping=self._stopping(name, ids),
        )

    def _health_of(self, copies: Iterable[str]) -> dict[str, Diagnosis]:
        """Without an Engine no failure counts: nothing could be started anew."""
        found = {one: self.health.of(one) for one in copies}
        if self.host.condition is not None:
            found = {one: evolve(known, failed=0) for one, known in found.items()}
        return {one: known for one, known in found.items() if known != UNKNOWN}

    def _stopping(self, name: ServiceName, copies: Iterable[str]) -> frozenset[str]:
        """Return which of the containers of a service are being stopped, those of its runs too."""
        runs = (one.id for one in self.host.containers.runs_of(name))
        return frozenset((*copies, *runs)).intersection(self.host.containers.stopping_now)


@frozen
class Gather:
    """
    :param here: returns this node, as it is at the moment of the call.
    :param since: since when instances have been in their states; the loop has it observe them before it gathers.
    """

    here: Callable[[], Here]
    mirror: Mirror
    claims: GatherClaims
    on_host: GatherHost
    candidates: Roster
    mass_expiry: MassExpiry
    since: Since

    def services(self) -> frozenset[ServiceName]:
        """Return every service that is defined, claimed, or has a container here."""
        return self.mirror.known_services().union(self.on_host.host.containers.services)

    def unsettled(self) -> frozenset[ServiceName]:
        """Return every service for which this node may have something to do although no event says so."""
        node, near = self.here().node, self.on_host.host.containers.services
        return frozenset(name for name in self.services() if name in near or not self._is_settled(name, node))

    def _is_settled(self, name: ServiceName, node: str) -> bool:
        """Return whether a service of which this node has no container is as it should be on other nodes."""
        cluster = self.mirror.cluster
        service, claims = cluster.services.get(name), cluster.claims(name)
        return (
            service is not None
            and service.definition.schedule is None
            and len(claims) == service.definition.instances
            and not (cluster.successors(name) or cluster.slots(name) or self.claims.own_claims.lost(name))
            and all(_is_well(claim) and claim.node != node for claim in claims.values())
        )

    def users_of(self, image: str) -> list[ServiceName]:
        """Return the services whose definition names this image."""
        services = self.mirror.cluster.services
        return [name for name, service in services.items() if service.definition.image == image]

    def dependents(self, names: Iterable[ServiceName]) -> set[ServiceName]:
        """Return the services that wait for one of these before their first start."""
        return set().union(*(self.mirror.cluster.dependents(name) for name in names))

    def situation(self, name: ServiceName) -> Situation:
        """Return all that is known of a service now."""
        cluster = self.mirror.cluster
        service = cluster.services.get(name)
        return Situation(
            here=self.here(),
            name=name,
            wanted=Wanted(
                service,
                held=cluster.is_held(name),
                awaited=lacking(service.definition, cluster) if service is not None else (),
            ),
            claims=self.claims(name),
            host=self.on_host(name, service),
            placing=Placing(
                candidates=self.candidates(),
                offered=self.candidates.offered(name),
                free_since=self.since.free(name),
                adopt_until=self.mass_expiry.until,
                own_share_until=self.mass_expiry.own_share_until,
            ),
            moving=Moving(
                leaving=self.since.leaving(name),
                surplus_since=self.since.surplus(name),
                coming_up=self.since.coming_up(name),
            ),
            fronts=self.since.fronts(name),
            rollout=self.since.rollout(name),
            runs=self.since.runs(name),
        )
