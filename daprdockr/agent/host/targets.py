# -*- test-case-name: tests.unit.agent.reconcile.test_gather -*-
"""The containers of a service to be checked, and where. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from attrs import evolve

from daprdockr.agent.host.probe import Target
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.health import Health


def targets(
    service: Service | None,
    containers: Mapping[int, Iterable[ContainerState]],
    address: str,
    claims: Mapping[int, Claim] = MappingProxyType({}),
    checks: Mapping[str, Health] = MappingProxyType({}),
) -> dict[str, Target]:
    """
    Return the running containers of a service to be checked, by id: those with a health check, and those behind a
    route. A paused one cannot be healthy.

    :param address: where this node reaches the ports that its containers publish.
    :param claims: those of the service's instances, by number.
    :param checks: those of containers of former definitions, by id; all others are checked by the present one's.
    """
    if service is None:
        return {}
    check, present = service.definition.check, service.definition.digest
    running = (container for ones in containers.values() for container in ones if container.running)
    name = service.definition.name
    routed, router = _routed(service.definition)
    found = [
        evolve(
            _target(one, check if one.definition == present else checks.get(one.id, check), name, address),
            routes=_routes(one, routed, address),
            router=router,
            started=one.started,
            proven=_was_healthy(one, claims.get(one.instance.number)),
        )
        for one in running
        if one.status is not Status.PAUSED
    ]
    return {one.container: one for one in found if one.routes or one.check.type not in ("none", "docker")}


def _was_healthy(container: ContainerState, claim: Claim | None) -> bool:
    """Return whether a claim says so of the present run of a container."""
    record = claim.record if claim is not None else None
    return bool(record and record.healthy and (record.container, record.started) == (container.id, container.started))


def _routed(definition: Definition) -> tuple[list[int], str]:
    """Return the container ports that routes lead to, and who connects to them. UDP says nothing of itself."""
    if not definition.http and definition.tcp:
        return [definition.tcp[0].container_port], "the relay"
    return sorted({http.container_port for http in definition.http}), "nginx"


def _routes(container: ContainerState, ports: Iterable[int], address: str) -> tuple[tuple[str, int], ...]:
    """Return the endpoints of a container for its routes, as this node reaches them: see ``Publish``."""
    host_ports = (_host_port(container, port) for port in ports)
    return tuple((address, host_port) for host_port in host_ports if host_port)


def _host_port(container: ContainerState, port: int) -> int:
    return next((p.host for p in container.ports if (p.container, p.protocol) == (port, "tcp")), 0)


def _target(container: ContainerState, check: Health, service: ServiceName, address: str) -> Target:
    """
    Return where to check: the container's own address, otherwise ``address``, at which this node reaches itself. The
    former comes first: on a published port Docker's proxy accepts connections even when nothing listens behind it.
    """
    if container.address or check.type == "exec":
        return Target(container.id, check, container.address, check.port, service)
    return Target(container.id, check, address, _host_port(container, check.port), service)
