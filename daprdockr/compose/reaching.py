# -*- test-case-name: tests.unit.compose.test_definitions,tests.unit.compose.test_forms -*-
"""
How services find each other.

With Compose, ``db:5432`` is any port of the service ``db``, on a network of the project. Here ``db`` is found in the
domain of the group, and leads to nodes: so a port that others use becomes a route of the same number. It is stated by
``expose``, or others write it into their variables, their command or their check, or it is usual for the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from daprdockr.compose import units
from daprdockr.compose.addressing import Mention, foreign_names, mentions
from daprdockr.compose.deploying import make_job
from daprdockr.compose.merging import as_table, named
from daprdockr.compose.publishing import AGENTS, add_route, expose
from daprdockr.compose.service import ComposeService
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

USUAL: Mapping[str, int] = {
    **{"postgres": 5432, "postgis": 5432, "pgvector": 5432, "timescaledb": 5432, "mysql": 3306, "mariadb": 3306},
    **{"redis": 6379, "valkey": 6379, "memcached": 11211, "mongo": 27017, "rabbitmq": 5672, "nats": 4222},
    **{"elasticsearch": 9200, "opensearch": 9200, "minio": 9000, "clickhouse-server": 8123, "mosquitto": 1883},
}
"""The port of images by the last part of their names."""

_EXPOSED = re.compile(r"(?P<ports>[\d-]+)(?:/(?P<protocol>tcp|udp))?", re.ASCII)
_COMPLETED = "service_completed_successfully"
_CONDITION = units.one_of("service_started", "service_healthy", _COMPLETED)


def reaching(services: Sequence[ComposeService]) -> None:
    """Carry over by which names and ports services of one file find each other, and for which they wait."""
    by_name = {service.name: service for service in services}
    taken = {(kind, one["Port"]): s.name for s in services for kind in ("Tcp", "Udp") for one in _routes(s, kind)}
    for service in services:
        _exposed(service, taken)
        _after(service, by_name)
    stated = {service.name for service in services if service.get("expose") or _replaces_routes(service)}
    used = _addressed(services, taken, stated)
    for service, other in ((one, other) for one in services for other in services if other is not one):
        waits = other.label in service.definition.get("After", ())
        if key := "depends_on" if waits else used.get((service.name, other.name)):
            _named(service, other, key)
            if other.name not in stated:
                _unstated(service, other, key, taken)
    for service in services:
        _found(service)


def _addressed(
    services: Sequence[ComposeService], taken: dict[tuple[str, object], str], stated: set[str]
) -> Mapping[tuple[str, str], str]:
    """Return the key in which a service addresses another one; add those addressed with a port to ``stated``."""
    names = {service.name for service in services}
    foreign = {name: service for service in services for name in foreign_names(service) if name not in names}
    found: dict[tuple[str, str], str] = {}
    for service in services:
        said = list(mentions(service))
        _misnamed(service, said, foreign)
        for other, ports in _used(service, said, services, taken):
            found[service.name, other.name] = next(iter(ports.values()))
            if any(ports):
                stated.add(other.name)
    return found


def _routes(service: ComposeService, kind: str) -> Sequence[Mapping[str, object]]:
    return list(service.definition.get(kind, ()))


def _exposed(service: ComposeService, taken: dict[tuple[str, object], str]) -> None:
    for number, one in enumerate(service.read("expose", units.texts) or []):
        key = f"expose[{number}]"
        for port, protocol in service.taken(key, one, _ports):
            _route(service, service, key, port, protocol, taken)


def _ports(value: object) -> list[tuple[int, str]]:
    found = _EXPOSED.fullmatch(units.text(value))
    if found is None:
        raise BadInput(f"{shorten(value)} is not usable, write a port such as 5432, or 53/udp")
    return [(port, found["protocol"] or "tcp") for port in units.ports(found["ports"])]


def _route(
    service: ComposeService,
    says: ComposeService,
    key: str,
    port: int,
    protocol: str,
    taken: dict[tuple[str, object], str],
) -> None:
    """Let a port of every node lead to a service; ``says`` is the one whose key wants it."""
    kind, weighty, remedy = "Tcp" if protocol == "tcp" else "Udp", says is not service, "let it listen on another one"
    if _has(service, kind, port) or (weighty and _has(service, "Udp", port)):
        return
    if port in AGENTS:
        says.find(key, f"{service.name}: port {port} of every node is its agent's: {remedy}", weighty)
    elif (owner := taken.setdefault((kind, port), service.name)) != service.name:
        says.find(key, f"{service.name}: port {port} of every node leads to {owner}: {remedy}", weighty)
    else:
        add_route(service, protocol, port, port)
        return
    expose(service, port, protocol)


def _has(service: ComposeService, kind: str, port: int) -> bool:
    """Return whether a port leads to a service already, on every node or on that of an instance."""
    bindings = service.container.get("PortBindings", {}).get(f"{port}/{kind.lower()}", ())
    return any(one["Port"] == port for one in _routes(service, kind)) or any(
        one["HostPort"] == str(port) for one in bindings
    )


def _after(service: ComposeService, by_name: Mapping[str, ComposeService]) -> None:
    waits: list[str] = []
    for key, name, given in _dependencies(service):
        condition = service.taken(key, given.get("condition") or "service_started", _CONDITION)
        needed = service.taken(key, given.get("required", True), units.boolean)
        if name not in by_name:
            if not needed:
                continue
            service.taken(key, name, _no_service)
        other = by_name[name]
        if condition == _COMPLETED:
            make_job(other, "depends_on")
        if "Schedule" in other.definition:
            again = f"let {service.name} try again until it has run"
            if condition == _COMPLETED:
                again += f", or if they have one image, run its command as Before of {service.name}, by x-daprdockr"
            service.find(f"depends_on.{name}", f"{name} is a job, for which nothing waits: {again}")
            continue
        if condition == "service_healthy" and "Health" not in other.definition:
            other.definition["Health"] = {"Type": "docker"}
        waits.append(other.label)
    if waits and "Schedule" in service.definition:
        text = f"{service.name} is a job, which waits for nothing: give it Retries, by x-daprdockr with Schedule"
        service.find("depends_on", text, weighty=False)
    elif waits:
        service.definition["After"] = list(dict.fromkeys(waits))


def _dependencies(service: ComposeService) -> Iterator[tuple[str, str, PlacedMap]]:
    """Yield the services for which one waits, each with the key that names it and what that says."""
    for name, one in (service.read("depends_on", named) or {}).items():
        yield "depends_on", name, service.taken("depends_on", one, as_table)
    for number, line in enumerate(service.read("links", units.texts) or []):
        name, _, alias = line.partition(":")
        if alias not in ("", name):
            service.find(f"links[{number}]", f"{name} has no other name: use {name} in place of {alias}")
        yield f"links[{number}]", name, PlacedMap()


def _no_service(name: object) -> object:
    raise BadInput(f"there is no service {shorten(name)}: define it, or give its profile by -profile")


def _misnamed(service: ComposeService, said: Sequence[Mention], foreign: Mapping[str, ComposeService]) -> None:
    """Name the addresses by which others are found with Compose or Swarm, and not here."""
    for one in said:
        other = foreign.get(one.name)
        if other is not None and (other is not service or one.name.startswith("tasks.")):
            service.find(one.key, f"no service is called {one.name} here: use {other.label} in its place")


def _used(
    service: ComposeService,
    said: Sequence[Mention],
    services: Sequence[ComposeService],
    taken: dict[tuple[str, object], str],
) -> Iterator[tuple[ComposeService, Mapping[int, str]]]:
    """Give others the routes that a service addresses, and yield these others, each with the keys by its ports."""
    found: dict[str, dict[int, str]] = {}
    for one in said:
        found.setdefault(one.name, {})[one.port] = one.key
    for other in services:
        if other is not service and other.name in found:
            for port, key in found[other.name].items():
                if port:
                    _route(other, service, key, port, "tcp", taken)
            yield other, found[other.name]


def _replaces_routes(service: ComposeService) -> bool:
    return not {"tcp", "udp"}.isdisjoint(key.lower() for key in service.own)


def _named(service: ComposeService, other: ComposeService, key: str) -> None:
    """Name what keeps a service from finding ``other``, which one of its keys names."""
    if "Dns" in service.container:
        remedy = "leave it out, and give them to the agents by --dns-upstream"
        service.find("dns", f"these servers do not know the names of services: {remedy}")
    if other.label != other.name:
        service.find(key, f"service {other.name} is called {other.label} here: use that name in addresses")


def _unstated(service: ComposeService, other: ComposeService, key: str, taken: dict[tuple[str, object], str]) -> None:
    """Give ``other``, of which no port is stated that a service uses, its usual one."""
    if port := _usual(other):
        _route(other, service, key, port, "tcp", taken)
    elif text := _not_reached(other):
        service.find(key, text.format(service.name), weighty=False)


def _not_reached(service: ComposeService) -> str:
    """Return what to say of a service to those that connect to it, unless it has a port by its own number."""
    tcp = {int(str(one["ContainerPort"])): one["Port"] for one in _routes(service, "Tcp")}
    exposed = [int(one.partition("/")[0]) for one in service.container.get("ExposedPorts", ()) if one.endswith("/tcp")]
    if "PortBindings" in service.container or "Udp" in service.definition or any(one == tcp[one] for one in tcp):
        return ""
    for target, port in tcp.items():
        return f"port {target} of {service.name} is {port} here: if {{}} connects to it, use {service.name}:{port}"
    for target in exposed:
        text = f"port {target} of {service.name} is any free one here: if {{}} connects to it, give it expose"
        return "" if target in AGENTS else text
    return f"no port of {service.name} is known: if {{}} connects to it, give it expose"


def _usual(service: ComposeService) -> int:
    image = str(service.container.get("Image", "")).partition("@")[0].rpartition("/")[2].partition(":")[0]
    return USUAL.get(image, 0)


def _found(service: ComposeService) -> None:
    """Let a service find the others by their short names, those too that the file gets later."""
    domain = f"{service.definition['Group']}.container"
    service.container["DnsSearch"] = [domain, *service.container.get("DnsSearch", ())]
