"""The routes of all services together."""

from __future__ import annotations

import itertools
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.wanted.http import Http
from daprdockr.proxy.routes import Route, Upstream, check_endpoint, check_host_name, check_path
from daprdockr.proxy.routing import (
    MOST_REFUSALS,
    MOST_ROUTES,
    HttpEntry,
    HttpService,
    Refusal,
    changed_routing,
    moved,
    routing,
)

WEB = ServiceName(group="shop", service="web")
API = ServiceName(group="shop", service="api")

ADDRESSES = st.ip_addresses().map(str)
PORTS = st.integers(1, 65535)


def place(number: int, service: ServiceName = WEB, address: str = "10.0.0.1", port: int = 8000) -> Upstream:
    return Upstream(InstanceName(service, number), address, port + number)


def entry(*hosts: str, places: tuple[Upstream, ...] = (), port: int = 80, **more: Any) -> HttpEntry:
    return HttpEntry(Http(hosts, port, **{"hold": 0.0} | more), places)


def service(name: ServiceName = WEB, *hosts: str, created: int = 1, places: tuple[Upstream, ...] = ()) -> HttpService:
    return HttpService(name, (entry(*hosts, places=places),), created)


def with_places(service: HttpService, *places: Upstream) -> HttpService:
    return evolve(service, entries=tuple(evolve(entry, upstreams=places) for entry in service.entries))


PLACES = st.lists(st.builds(place, st.integers(1, 2), port=st.sampled_from([8000, 65535])), max_size=2).map(tuple)
HOSTS = st.lists(st.sampled_from(["a.com", "A.com", "b.com", "no name"]), min_size=1, max_size=3)
ENTRIES = st.lists(st.builds(lambda hosts, hold: entry(*hosts, hold=hold), HOSTS, st.integers(0, 1)), max_size=2)
SERVICES = st.builds(HttpService, st.sampled_from([WEB, API]), ENTRIES.map(tuple), st.integers(1, 2))


class RoutingTests(SynchronousTestCase):
    """``routing`` with services as they should be."""

    def test_nothing(self) -> None:
        """Without services there are no routes."""
        self.assertEqual(routing([]).routes, ())

    def test_one_route_for_each_host_name(self) -> None:
        """Each host name of a service leads to all of its instances, in order."""
        places = (place(2), place(1))
        found = routing([service(WEB, "www.example.com", "example.com", places=places)])
        ordered = (place(1), place(2))
        self.assertEqual(found.routes, (Route("example.com", WEB, ordered), Route("www.example.com", WEB, ordered)))
        self.assertEqual(found.refusals, ())

    def test_no_healthy_instance(self) -> None:
        """A service without instances keeps its route, which then leads nowhere."""
        self.assertEqual(routing([service(WEB, "example.com")]).routes, (Route("example.com", WEB, ()),))

    def test_case(self) -> None:
        """Host names are routed in lower case, and are the same in any case."""
        found = routing([service(WEB, "Example.COM", "example.com")])
        self.assertEqual([route.host_name for route in found.routes], ["example.com"])
        self.assertEqual(found.refusals, ())

    def test_order_of_services(self) -> None:
        """The order in which services are given makes no difference."""
        services = [
            service(WEB, "a.example.com", "b.example.com", created=5, places=(place(1),)),
            service(API, "b.example.com", "c.example.com", created=4),
            service(ServiceName("other", "web"), "c.example.com", "not a name", created=4),
        ]
        found = {routing(order) for order in itertools.permutations(services)}
        self.assertEqual(len(found), 1)

    def test_change_of_one(self) -> None:
        """A change of one service leaves the routes of the others the very same, so that nothing is computed anew."""
        services = [service(WEB, "a.com", places=(place(1),)), service(API, "b.com", created=2)]
        before = routing(services).routes
        after = routing([evolve(services[0], entries=(entry("a.com"),)), services[1]]).routes
        self.assertIsNot(after[0], before[0])
        self.assertIs(after[1], before[1])
        self.assertIs(after[1].location, before[1].location)


class MovedTests(SynchronousTestCase):
    """``moved``: the routing after a change of one service, from the one before."""

    def test_instances(self) -> None:
        """Other instances of a service need no new decision about host names, those of others stay the very same."""
        services = [service(WEB, "a.com", "c.com", places=(place(1),)), service(API, "b.com", "c.com", created=2)]
        for index in (0, 1):
            before = routing(services)
            after = with_places(services[index], place(7))
            found = moved(before, services[index], after)
            services[index] = after
            self.assertEqual(found, routing(services))
            assert found is not None
            kept = [route for route, former in zip(found.routes, before.routes, strict=True) if route is former]
            self.assertEqual(len(kept), 3 - [2, 1][index])

    def test_decisions(self) -> None:
        """Where names, age or refusals change, everything is decided anew."""
        before = service(WEB, "a.com", places=(place(1),))
        known = routing([before])
        for after in [
            service(WEB, "a.com", "b.com"),
            service(WEB),
            evolve(before, created=9),
            service(WEB, "a.com", places=(place(1), evolve(place(2), port=0))),
        ]:
            self.assertIsNone(moved(known, before, after))

    @given(st.lists(SERVICES, min_size=1, max_size=4), SERVICES, st.none() | PLACES)
    def test_same(self, drawn: list[HttpService], other: HttpService, places: tuple[Upstream, ...] | None) -> None:
        """It returns what ``routing`` does for all services, or None, whatever changes."""
        services = {one.service: one for one in drawn}
        before = drawn[-1]
        after = evolve(other, service=before.service) if places is None else with_places(before, *places)
        now = {**services, before.service: after}.values()
        self.assertEqual(changed_routing(routing(services.values()), [(before, after)], now), routing(now))


class ConflictTests(SynchronousTestCase):
    """Two services, one host name."""

    def test_oldest_wins(self) -> None:
        """The service that was created first keeps the host name; the other is refused, with the name of the first."""
        found = routing([service(API, "example.com", created=8), service(WEB, "example.com", created=7)])
        self.assertEqual(found.routes, (Route("example.com", WEB, ()),))
        self.assertEqual(
            found.refusals,
            (Refusal(API, "example.com", "host name example.com already belongs to web.shop"),),
        )

    def test_same_age(self) -> None:
        """Of services created together the first by name keeps it, on every node."""
        found = routing([service(WEB, "example.com"), service(API, "example.com")])
        self.assertEqual(found.routes, (Route("example.com", API, ()),))

    def test_loser_keeps_its_other_names(self) -> None:
        """A lost host name does not cost a service its others."""
        found = routing([service(WEB, "a.com", created=1), service(API, "a.com", "b.com", created=2)])
        self.assertEqual([(r.host_name, r.service) for r in found.routes], [("a.com", WEB), ("b.com", API)])

    def test_path(self) -> None:
        """Each path of a host name has its own holder: one that claims another path takes nothing away."""
        services = [
            HttpService(WEB, (entry("a.com"), entry("a.com", path="/api")), created=1),
            HttpService(API, (entry("a.com", path="/api"), entry("a.com", path="/api/v2")), created=2),
        ]
        found = routing(services)
        self.assertEqual(
            [(route.path, route.service) for route in found.routes], [("/", WEB), ("/api", WEB), ("/api/v2", API)]
        )
        [refusal] = found.refusals
        self.assertEqual(refusal, Refusal(API, "a.com/api", "host name a.com/api already belongs to web.shop"))

    def test_many(self) -> None:
        """A service that claims many names of another one gets some events, and one that counts the others."""
        names = [f"n{number}.com" for number in range(1000)]
        found = routing([service(WEB, *names), service(API, *names, "own.com", created=2)])
        self.assertEqual({route.service for route in found.routes if route.host_name == "own.com"}, {API})
        self.assertEqual(len(found.refusals), MOST_REFUSALS + 1)
        more = f"{1000 - MOST_REFUSALS} more host names are not served, for such reasons"
        self.assertIn(Refusal(API, "", more), found.refusals)

    def test_room(self) -> None:
        """When there are more names than nginx has room for, the oldest services keep theirs."""
        size = MOST_ROUTES // 2
        services = [service(ServiceName("g", f"s{n}"), *(f"{n}.{i}.com" for i in range(size))) for n in range(2)]
        late = service(API, "late.com", "0.0.com", created=2)
        found = routing([late, *services])
        self.assertEqual(len(found.routes), MOST_ROUTES)
        reasons = [refusal.reason for refusal in found.refusals]
        self.assertEqual(len(reasons), 2)
        lacks = "some host names are not served, because nginx is given at most 20000 of all services"
        self.assertIn(lacks, reasons)

    def test_full(self) -> None:
        """Where names make room for others in it, a service that lacks some is not reported anew each time."""
        names = [f"{number}.com" for number in range(MOST_ROUTES)]
        late = service(WEB, *(f"late{number}.com" for number in range(4)), created=2)
        first, then = (routing([service(API, *names[left:]), late]).refusals for left in (0, 2))
        self.assertEqual((len(first), first), (1, then))


class EntryTests(SynchronousTestCase):
    """Services with several entries."""

    def test_ports(self) -> None:
        """An entry leads to its port: the instances at the first are the service's, those at another a pool apart."""
        first, other = (place(1), place(2)), (place(1, port=9000),)
        entries = (
            entry("a.com", places=first, port=80, hold=3.0),
            entry("a.com", places=other, port=81, path="/api", strip_path=True),
            entry("b.com", places=first, port=80),
        )
        self.assertEqual(
            routing([HttpService(WEB, entries, 1)]).routes,
            (
                Route("a.com", WEB, first, hold=3.0),
                Route("a.com", WEB, other, path="/api", pool="web.shop:81", strip_path=True),
                Route("b.com", WEB, first),
            ),
        )

    def test_one_port_of_two(self) -> None:
        """Entries of one port whose instances listen at different ones, by an older definition, are a pool each."""
        first, other = (place(1),), (place(1, port=9000),)
        entries = (entry("a.com", places=first, port=80), entry("b.com", places=other, port=80))
        found = routing([HttpService(WEB, (*entries, entry("c.com", places=first, port=80)), 1)]).routes
        pools = [(route.pool, route.upstreams) for route in found]
        self.assertEqual(pools, [("", first), ("web.shop:80/1", other), ("", first)])

    def test_paths(self) -> None:
        """A path that nginx would never compare with is refused alone."""
        for path in ["", "api", "/api/", "/a//b", "/./a", "/a/..", "/a%20b", "/a?b", "/a\nb", None, 1]:
            found = routing([HttpService(WEB, (entry("a.com", path=path), entry("b.com")), 1)])
            self.assertEqual([route.host_name for route in found.routes], ["b.com"], path)
            self.assertEqual(len(found.refusals), 1)


class RefusalTests(SynchronousTestCase):
    """A value that cannot be used is left out alone."""

    def test_host_name(self) -> None:
        """A host name that is none is refused; the service's others are routed."""
        found = routing([service(WEB, "x; location /y { alias /etc/; }", "example.com")])
        self.assertEqual([route.host_name for route in found.routes], ["example.com"])
        [refusal] = found.refusals
        self.assertEqual(refusal.subject, "'x; location /y { alias /etc/; }'")
        self.assertIn("is not usable: write a name such as example.com", refusal.reason)

    def test_place(self) -> None:
        """An instance whose address or port is none is refused; the others are routed to."""
        places = (place(1, address="db.example.com"), place(2, port=70_000), place(3))
        found = routing([service(WEB, "example.com", places=places)])
        self.assertEqual(found.routes, (Route("example.com", WEB, (place(3),)),))
        self.assertEqual([refusal.subject for refusal in found.refusals], ["1.web.shop", "2.web.shop"])

    def test_same_place_twice(self) -> None:
        """Two records of one place are one place, and the first instance's."""
        twice = evolve(place(1), instance=InstanceName(WEB, 2))
        found = routing([service(WEB, "example.com", places=(twice, place(1)))])
        self.assertEqual(found.routes[0].upstreams, (place(1),))

    @given(st.lists(st.text(), max_size=5), st.text(), st.text() | ADDRESSES, st.integers() | PORTS)
    def test_anything(self, hosts: list[str], path: str, address: str, port: int) -> None:
        """Any values in the fields raise nothing, and the routes pass the checks."""
        upstream = Upstream(InstanceName(WEB, 1), address, port)
        anything = HttpService(WEB, (entry(*hosts, places=(upstream,), path=path),), 1)
        for route in routing([anything, service(API, *hosts, places=(upstream,))]).routes:
            check_host_name(route.host_name)
            check_path(route.path)
            for kept in route.upstreams:
                check_endpoint(kept.address, kept.port)
