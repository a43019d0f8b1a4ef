"""
Which service gets which host name and path: the routes of all services together.

Pure. An unusable value is refused by itself and never stops the rest.

Of two services that claim the same path of a host name the older one keeps it: Note [Oldest wins] in
``daprdockr.model.known.owners``. The same holds for the last place in nginx's memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.known.owners import RouteOwner, owners
from daprdockr.model.names import ServiceName, printable, shorten
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.wanted.http import Http
from daprdockr.proxy.routes import Route, Upstream, by_number, check_endpoint, check_host_name, check_path

MOST_ROUTES = 20_000
"""Host names and paths that nginx is given: its memory for routes has room for so many of the longest ones."""

_FULL = f"some host names are not served, because nginx is given at most {MOST_ROUTES} of all services"
"""Without their names and number, which would change with each other service, and become events each time."""

PAUSED = 30.0
"""The longest time that a request for a paused service waits, in seconds."""

MOST_REFUSALS = 10
"""The most host names of a service that are refused by name: each becomes an event."""


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
    def owner(self) -> RouteOwner:
        return RouteOwner(self.service, self.created)

    @cached_property
    def claimed(self) -> tuple[tuple[Route, ...], frozenset[Refusal]]:
        """
        The routes that it would have if it were alone, and what is refused of it. They are made once, so that a change
        of one service costs little, however many others there are.
        """
        refusals: set[Refusal] = set()
        return tuple(_usable_routes(self, refusals)), frozenset(refusals)


HttpChange: TypeAlias = tuple[HttpService | None, HttpService | None]
"""A service before and after a change of it; None: there is none with HTTP."""


@frozen(order=True)
class Refusal:
    """
    ``subject``, a host name and path or an instance's place, is not routed to ``service``; ``reason`` is one line.
    ``is_local`` says that this is so on this node alone.
    """

    service: ServiceName
    subject: str
    reason: str
    is_local: bool = False


@frozen
class Routing:
    """All routes, by host name and path, and the refusals; both sorted, so equal inputs give equal routings."""

    routes: tuple[Route, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def routing(services: Iterable[HttpService]) -> Routing:
    """Compute the routes of these services. Raises nothing."""
    services = sorted(services, key=lambda one: one.owner.precedence)
    has = owners((_key(route), service.owner) for service in services for route in service.claimed[0])
    routes: dict[tuple[str, str], Route] = {}
    refusals: set[Refusal] = set()
    for service in services:
        _add(service, has, routes, refusals)
    return Routing(tuple(routes[key] for key in sorted(routes)), tuple(sorted(refusals)))


def changed_routing(known: Routing | None, changes: Iterable[HttpChange], services: Iterable[HttpService]) -> Routing:
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


def _add(
    service: HttpService,
    has: Mapping[tuple[str, str], RouteOwner],
    routes: dict[tuple[str, str], Route],
    refusals: set[Refusal],
) -> None:
    lost: list[Refusal] = []
    claimed, refused = service.claimed
    refusals |= refused
    for route in claimed:
        key = _key(route)
        if key not in routes and len(routes) >= MOST_ROUTES:
            refusals.add(Refusal(service.service, "", _FULL))
        elif (owner := has[key]) != service.owner:
            lost.append(_refused(route, f"already belongs to {owner}"))
        else:
            routes.setdefault(key, route)
    refusals.update(lost[:MOST_REFUSALS])
    if len(lost) > MOST_REFUSALS:
        more = f"{len(lost) - MOST_REFUSALS} more host names are not served, for such reasons"
        refusals.add(Refusal(service.service, "", more))


def _refused(route: Route, reason: str) -> Refusal:
    subject = route.host_name + (route.path if route.path != "/" else "")
    return Refusal(route.service, subject, f"host name {printable(subject)} {reason}")


def _usable_routes(service: HttpService, refusals: set[Refusal]) -> Iterator[Route]:
    pools: dict[tuple[int, tuple[Upstream, ...]], tuple[str, tuple[Upstream, ...]]] = {}
    for entry in service.entries:
        http, key = entry.http, (entry.http.container_port, entry.upstreams)
        if key not in pools:
            again = sum(port == http.container_port for port, _ in pools)
            pool = f"{service.service}:{http.container_port}{f'/{again}' if again else ''}" if pools else ""
            pools[key] = pool, tuple(usable(service.service, entry.upstreams, refusals))
        pool, upstreams = pools[key]
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
                grpc=http.grpc,
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
