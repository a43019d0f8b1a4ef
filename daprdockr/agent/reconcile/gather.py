"""Gathering: what mirror, host, health checks and heartbeat know of one service, as the planner's ``Situation``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import evolve

from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.probe import Target
from daprdockr.agent.membership.contested import Contested
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.mirror.roster import Roster
from daprdockr.agent.reconcile.first_seen import FirstSeen
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.health import Health
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.placing.leaving import REBALANCE_AFTER, leaving
from daprdockr.planning.situation import Here, Situation


class Gather:
    """
    :param whereabouts: where this node is now. :param labels: of this node.
    :param allow: the privileges that definitions may use here.
    :param rebalance: whether this node hands instances over when it has more than its share.
    """

    def __init__(
        self,
        *,
        node: str,
        whereabouts: Callable[[], Whereabouts],
        labels: Mapping[str, str],
        allow: frozenset[str],
        mirror: Mirror,
        host: Host,
        failures: Failures,
        heartbeat: Heartbeat,
        health: HealthChecks,
        own_claims: OwnClaims,
        unanswered: Unanswered,
        mass_expiry: MassExpiry,
        contested: Contested,
        rebalance: bool,
    ) -> None:
        self._node = node
        self._whereabouts = whereabouts
        self._labels = labels
        self._allow = allow
        self._mirror = mirror
        self._cluster = mirror.cluster
        self._host = host
        self._failures = failures
        self._heartbeat = heartbeat
        self._rebalance = rebalance
        self._free_since = FirstSeen()
        self._surplus_since = FirstSeen()
        self._leaving_since = FirstSeen()
        self._leaving: tuple[int, frozenset[InstanceName]] = (-1, frozenset())
        self._candidates = Roster(mirror.cluster)
        self._health = health
        self._own_claims = own_claims
        self._unanswered = unanswered
        self._mass_expiry = mass_expiry
        self._contested = contested

    def here(self) -> Here:
        """This node, as it is now. Without the Engine it claims nothing: it could not keep its word."""
        return Here(
            node=self._node,
            addresses=self._whereabouts().addresses,
            labels=self._labels,
            allow=self._allow,
            cordoned=self._node in self._cluster.cordoned or self._contested.trouble != "",
            lease=self._heartbeat.lease if self._host.listed and not self._host.trouble else 0,
            in_touch=self._mirror.in_touch and self._host.listed and self._cluster.identity != 0,
            cluster=self._cluster.identity,
            revision=max(self._cluster.revision, self._cluster.history.superseded),
        )

    def services(self) -> frozenset[ServiceName]:
        """Every service that is defined, claimed, or has a container here."""
        return self._mirror.known_services().union(self._host.containers.services)

    def may_run(self, claim: Claim) -> bool:
        """Whether the container named in this node's claim is running; True until the Engine has been listed."""
        if not self._host.listed:
            return True
        containers = self._host.containers.of(claim.instance.service).get(claim.instance.number, ())
        return any(container.running and container.id == claim.record.container for container in containers)

    def users_of(self, image: str) -> list[ServiceName]:
        """The services whose definition names this image."""
        return [name for name, service in self._cluster.services.items() if service.definition.container.image == image]

    def situation(self, name: ServiceName, now: float) -> Situation:
        """All that is known of a service at ``now`` (monotonic seconds)."""
        service = self._cluster.services.get(name)
        containers = self._host.containers.of(name)
        self._health.follow(name, _targets(service, containers, self._whereabouts().local))
        return Situation(
            here=self.here(),
            name=name,
            service=service,
            held=self._cluster.is_held(name),
            claims=self._cluster.claims(name),
            containers=containers,
            images=self._host.stock.images,
            pulls=_pulls(service, self._failures),
            attempts=self._failures.of_service(name, service.definition.digest if service is not None else ""),
            networks={name for network in self._host.stock.inventory.networks for name in (network.name, network.id)},
            lacking=self._failures.lacking.get(name, ""),
            verdicts=self._health.verdicts,
            unreached=self._health.unreached,
            candidates=self._candidates(),
            offered=self._candidates.offered(name),
            free_since=self._free_since(name, self._open(name, service), now),
            lost=self._own_claims.lost(name),
            successors=self._cluster.successors(name),
            leaving=self._leaving_from(name, now),
            surplus_since=self._surplus_since(name, self._surplus(name), now),
            stopping=self._host.containers.stopping_now,
            unanswered=self._unanswered.of(name),
            adopt_until=self._mass_expiry.until,
        )

    def _open(self, name: ServiceName, service: Service | None) -> Iterator[int]:
        """The instances this node may claim or prepare to take over, as far as nobody else has begun to."""
        if service is None or not self.here().may_claim:
            return
        claims, successors = self._cluster.claims(name), self._cluster.successors(name)
        for number in range(1, service.definition.instances + 1):
            claim = claims.get(number)
            if claim is None or (claim.record.leaving and number not in successors):
                yield number

    def _surplus(self, name: ServiceName) -> Iterator[int]:
        """The instances whose container runs here although another node's claim of them is healthy."""
        claims = self._cluster.claims(name)
        for number in self._host.containers.of(name):
            claim = claims.get(number)
            if claim is not None and claim.node != self._node and claim.record.healthy:
                yield number

    def _leaving_from(self, name: ServiceName, now: float) -> Mapping[int, float]:
        """Which instances should leave, and from when on: out of a drained node at once."""
        numbers = [instance.number for instance in self._leaving_now() if instance.service == name]
        delay = 0.0 if self._node in self._cluster.draining else REBALANCE_AFTER
        return {number: since + delay for number, since in self._leaving_since(name, numbers, now).items()}

    def _leaving_now(self) -> frozenset[InstanceName]:
        """See ``planning.placing.leaving``; worked out anew only when the mirror changed."""
        cluster = self._cluster
        draining = self._node in cluster.draining
        if not (draining or self._rebalance):
            return frozenset()
        if self._leaving[0] != cluster.generation:
            names = cluster.layout.placed.get(self._node, {}).keys()
            claims, successors = ({name: of(name) for name in names} for of in (cluster.claims, cluster.successors))
            found = leaving(
                self._node, draining, self._rebalance, cluster.services, claims, successors, self._candidates()
            )
            self._leaving = (cluster.generation, found)
        return self._leaving[1]


def _pulls(service: Service | None, failures: Failures) -> dict[str, Attempts]:
    """How pulls of its image failed."""
    if service is None:
        return {}
    image = service.definition.container.image
    return {image: failures.of_image(image)}


def _targets(
    service: Service | None, containers: Mapping[int, Iterable[ContainerState]], address: str
) -> dict[str, Target]:
    """
    The running containers of a service that a look is taken at, by id: those with a check, and those behind a route. A
    paused one cannot be well.
    """
    if service is None:
        return {}
    check = service.definition.check
    running = (container for ones in containers.values() for container in ones if container.running)
    name = service.definition.name
    http = service.definition.http.container_port if service.definition.http is not None else 0
    found = [
        evolve(_target(one, check, name, address), route=_route(one, http, address))
        for one in running
        if one.status is not Status.PAUSED
    ]
    return {target.container: target for target in found if target.route or check.type not in ("none", "docker")}


def _route(container: ContainerState, http: int, address: str) -> tuple[str, int] | None:
    """What nginx is given of a container, as this node reaches it: see ``Publish``."""
    host_port = _host_port(container, http)
    return (address, host_port) if host_port else None


def _host_port(container: ContainerState, port: int) -> int:
    return next((p.host for p in container.ports if (p.container, p.protocol) == (port, "tcp")), 0)


def _target(container: ContainerState, check: Health, service: ServiceName, address: str) -> Target:
    """
    Where to look: the container's own address, else ``address``, at which this node reaches itself. The former comes
    first: on a published port Docker's proxy accepts connections even when nothing listens behind it.
    """
    if container.address or check.type == "exec":
        return Target(container.id, check, container.address, check.port, service)
    return Target(container.id, check, address, _host_port(container, check.port), service)
