"""
Routes: which host name and path lead to which instances, computed from the services that run.

Pure. Every field that would reach nginx is checked here, because a definition or another node's record may be hostile;
an unusable value is refused by itself and never stops the rest. Knows nothing of nginx's syntax.

Note [Oldest wins]
    Of two services that claim the same path of a host name, the one whose definition was created first in etcd keeps
    it, so a newcomer never takes traffic away, and every node decides alike. The same holds for the last place in
    nginx's memory.
"""

from __future__ import annotations

import ipaddress
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import TypeAlias

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.names import InstanceName, ServiceName, printable, shorten
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.wanted.http import AUTO, MOST_BUFFERED, TIMEOUT, Http, is_path

MOST_ROUTES = 20_000
"""Host names and paths that nginx is given: they take about half of its memory for routes."""

PAUSED = 30.0
"""The longest time that a request for a paused service waits, in seconds."""

MOST_REFUSALS = 10
"""The most host names of a service that are refused by name: each becomes an event."""


@frozen
class Upstream:
    """One healthy instance and where it listens; ``local`` says that it runs on this node."""

    instance: InstanceName
    address: str
    port: int
    local: bool = False


@frozen
class Route:
    """
    A host name, a path below it, and the instances behind them, in order; none means that no instance is healthy. Then
    a request waits ``hold`` seconds for one.

    :ivar pool: names the instances at one port of the service; "": at the first port of its ``Http``.
    :ivar strip_path: as ``Http`` has it, like ``max_header``, ``max_body``, ``timeout``, ``sticky`` and
        ``buffer``.
    :ivar pause: the request of an operator that no request reaches the instances; None: there is none.
    :ivar tls: as ``Http`` has it, like ``hsts``.
    """

    host_name: str
    service: ServiceName
    upstreams: tuple[Upstream, ...]
    hold: float = 0.0
    path: str = "/"
    pool: str = ""
    strip_path: bool = False
    max_header: int = 0
    max_body: int = 0
    timeout: float = TIMEOUT
    sticky: str = ""
    buffer: bool = False
    tls: str = AUTO
    hsts: int = 0
    pause: PauseRecord | None = None

    @property
    def is_under_maintenance(self) -> bool:
        return self.pause is not None and self.pause.mode is PauseMode.MAINTENANCE

    @cached_property
    def page(self) -> str:
        """The answer to each request under maintenance, as JSON for nginx; that of an empty text is the usual one."""
        return json.dumps("" if self.pause is None else self.pause.page)

    @cached_property
    def instances(self) -> str:
        """The name of the instances that it leads to."""
        return self.pool or str(self.service)

    @cached_property
    def location(self) -> str:
        """
        Its members for nginx as JSON: ``path``; ``service``, the name of the instances; ``hold``; and what is not as
        usual. Lua ignores a member that it does not know, and takes one that is missing as usual, for either may be
        older.

        :raises BadInput: the host name or the path is none.
        """
        check_host_name(self.host_name)
        return json.dumps(dict(_location(self)), separators=(",", ":"))

    @cached_property
    def endpoints(self) -> str:
        """
        Where the instances listen, whether on this node, and their names, in order, as JSON for nginx; an IPv6 address
        stands in brackets. None of them while the service is paused, so that its requests wait.

        :raises BadInput: an address or a port is none.
        """
        found = [_endpoint(upstream) for upstream in sorted(self.upstreams, key=by_number)]
        return json.dumps([] if self.pause else found, separators=(",", ":"))


@frozen
class HttpEntry:
    """An entry of ``Http``, and the healthy instances at its port."""

    http: Http
    upstreams: tuple[Upstream, ...] = ()


@frozen
class HttpService:
    """
    A service with ``Http``; ``created`` is the create revision of its definition in etcd, ``pause`` what an operator
    wants of its requests.
    """

    service: ServiceName
    entries: tuple[HttpEntry, ...]
    created: int
    pause: PauseRecord | None = None

    @cached_property
    def claimed(self) -> tuple[tuple[Route, ...], frozenset[Refusal]]:
        """
        The routes that it would have if it were alone, and what is refused of it. They are made once, so that a change
        of one service costs little, however many others there are.
        """
        refusals: set[Refusal] = set()
        return tuple(_usable_routes(self, refusals)), frozenset(refusals)


Change: TypeAlias = tuple[HttpService | None, HttpService | None]
"""A service before and after a change of it; None: there is none with HTTP."""


@frozen(order=True)
class Refusal:
    """
    ``subject``, a host name and path or an instance's place, is not routed to ``service``; ``reason`` is one line.
    """

    service: ServiceName
    subject: str
    reason: str


@frozen
class Routing:
    """All routes, by host name and path, and the refusals; both sorted, so equal inputs give equal routings."""

    routes: tuple[Route, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def check_host_name(name: object) -> str:
    """
    Return ``name`` if it is a host name in lower case, perhaps with ``*.`` before it.

    :raises BadInput: otherwise.
    """
    if isinstance(name, str) and is_host_name(name):
        return name
    raise BadInput(f"host name {shorten(name)} is not usable: write a name such as example.com or *.example.com")


def check_path(path: object) -> str:
    """Return ``path`` if it is one as nginx compares it. :raises BadInput: otherwise."""
    if isinstance(path, str) and is_path(path):
        return path
    raise BadInput(f"path {shorten(path)} is not usable: write a path such as /api")


def check_endpoint(address: object, port: object) -> str:
    """
    Return ``address:port`` (``[address]:port`` for IPv6) in its one canonical spelling.

    :raises BadInput: if the address is no IP literal or the port no number from 1 to 65535.
    """
    if type(port) is not int or not 1 <= port <= 65535:
        raise BadInput(f"port {shorten(port)} is not usable: it lies between 1 and 65535")
    # ipaddress lets an IPv6 scope through unread: "fe80::1%;}" would be an address.
    if not isinstance(address, str) or "%" in address:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address without a scope")
    try:
        return f"{_canonical(address)}:{port}"
    except ValueError:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address") from None


@lru_cache(maxsize=4096)
def _canonical(address: str) -> str:
    """
    Return the canonical spelling, cached: a cluster has few addresses, and each change of a route checks all of them.
    :raises ValueError: it is no address.
    """
    parsed = ipaddress.ip_address(address)
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def _location(route: Route) -> Iterator[tuple[str, object]]:
    yield "path", check_path(route.path)
    yield "service", route.instances
    yield "hold", route.hold
    if route.pause:
        yield "paused", True
    if route.is_under_maintenance:
        yield "page", str(route.service)
    if route.strip_path and route.path != "/":
        yield "strip", True
    if route.max_header:
        yield "max_header", route.max_header
    if route.max_body:
        yield "max_body", route.max_body
    if route.timeout != TIMEOUT:
        yield "timeout", route.timeout
    yield from _wishes_of_tls(route)
    if route.sticky:
        yield "sticky", route.sticky
    if route.buffer:
        yield "buffer", min(route.max_body or MOST_BUFFERED, MOST_BUFFERED)


def _wishes_of_tls(route: Route) -> Iterator[tuple[str, object]]:
    if route.tls != AUTO:
        yield "tls", route.tls
    if route.hsts:
        yield "hsts", route.hsts


def _endpoint(upstream: Upstream) -> tuple[str, int, bool, str]:
    address, _, port = check_endpoint(upstream.address, upstream.port).rpartition(":")
    return address, int(port), upstream.local, str(upstream.instance)


def by_number(upstream: Upstream) -> tuple[int, str, int]:
    """Return the sort key for the instances of a service; ten times as fast as comparing whole values."""
    return upstream.instance.number, upstream.address, upstream.port


def routing(services: Iterable[HttpService]) -> Routing:
    """Compute the routes of these services. Raises nothing. See Note [Oldest wins]."""
    routes: dict[tuple[str, str], Route] = {}
    refusals: set[Refusal] = set()
    for service in sorted(services, key=lambda s: (s.created, s.service)):
        _add(service, routes, refusals)
    return Routing(tuple(routes[key] for key in sorted(routes)), tuple(sorted(refusals)))


def changed_routing(known: Routing | None, changes: Iterable[Change], services: Iterable[HttpService]) -> Routing:
    """Return the routing of ``services``: as ``routing`` does, but from ``known`` and what changed since, if it can."""
    for before, after in changes:
        known = moved(known, before, after) if known and before and after else None
    return known or routing(services)


def moved(known: Routing, before: HttpService, after: HttpService) -> Routing | None:
    """
    Return the routing after one service of ``known`` changed; None if not only its instances did, so that ``routing``
    has to decide anew who keeps what. Most changes are such moves, and one costs little, however many services there
    are.
    """
    (old, refused), (new, also_refused) = before.claimed, after.claimed
    if (before.created, refused, [*map(_key, old)]) != (after.created, also_refused, [*map(_key, new)]):
        return None
    routes = list(known.routes)
    for route in reversed(new):  # of two at one place the first counts
        index = bisect_left(routes, _key(route), key=_key)
        if index < len(routes) and _key(routes[index]) == _key(route) and routes[index].service == route.service:
            routes[index] = route
    return Routing(tuple(routes), known.refusals)


def _key(route: Route) -> tuple[str, str]:
    return route.host_name, route.path


def _add(service: HttpService, routes: dict[tuple[str, str], Route], refusals: set[Refusal]) -> None:
    lost: list[Refusal] = []
    claimed, refused = service.claimed
    refusals |= refused
    for route in claimed:
        key = _key(route)
        if key not in routes and len(routes) >= MOST_ROUTES:
            lost.append(_refused(route, f"is not served, because nginx is given at most {MOST_ROUTES} names"))
        elif (holder := routes.setdefault(key, route).service) is not route.service and holder != route.service:
            lost.append(_refused(route, f"already belongs to {holder}"))
    refusals.update(lost[:MOST_REFUSALS])
    if len(lost) > MOST_REFUSALS:
        more = f"{len(lost) - MOST_REFUSALS} more host names are not served, for such reasons"
        refusals.add(Refusal(service.service, "", more))


def _refused(route: Route, reason: str) -> Refusal:
    subject = route.host_name + (route.path if route.path != "/" else "")
    return Refusal(route.service, subject, f"host name {printable(subject)} {reason}")


def _usable_routes(service: HttpService, refusals: set[Refusal]) -> Iterator[Route]:
    pools: dict[int, tuple[str, tuple[Upstream, ...]]] = {}
    for entry in service.entries:
        http = entry.http
        if http.container_port not in pools:
            pool = f"{service.service}:{http.container_port}" if pools else ""
            pools[http.container_port] = pool, tuple(usable(service.service, entry.upstreams, refusals))
        pool, upstreams = pools[http.container_port]
        for name in _usable_host_names(service, entry, refusals):
            yield Route(
                host_name=name,
                service=service.service,
                upstreams=upstreams,
                hold=http.hold if service.pause is None else PAUSED,
                path=http.path,
                pool=pool,
                strip_path=http.strip_path,
                max_header=http.max_header,
                max_body=http.max_body,
                timeout=http.timeout,
                sticky=http.sticky,
                buffer=http.buffer,
                tls=http.tls,
                hsts=http.hsts,
                pause=service.pause,
            )


def _usable_host_names(service: HttpService, entry: HttpEntry, refusals: set[Refusal]) -> Iterator[str]:
    for name in entry.http.host_names:
        try:
            check_path(entry.http.path)
            yield check_host_name(name.lower())
        except BadInput as error:
            refusals.add(Refusal(service.service, shorten(name), str(error)))


def usable(service: ServiceName, upstreams: Iterable[Upstream], refusals: set[Refusal]) -> Iterator[Upstream]:
    """
    Yield the instances of a service in order, and add the unusable ones to ``refusals``. Each place is yielded once:
    two records of one place would count its connections twice.
    """
    places: set[str] = set()
    for upstream in sorted(upstreams, key=by_number):
        try:
            place = check_endpoint(upstream.address, upstream.port)
        except BadInput as error:
            refusals.add(Refusal(service, str(upstream.instance), str(error)))
            continue
        if place not in places:
            places.add(place)
            yield upstream
