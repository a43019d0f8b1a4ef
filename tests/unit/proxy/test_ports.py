"""TCP and UDP routes: who has a port, and which instances it leads to."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.ports import PortService, WantedPort, port_routing
from daprdockr.proxy.routes import Upstream
from daprdockr.proxy.routing import Refusal
from daprdockr.relay.message import MOST_PORTS, Destination, PortRoute, RelayState, decode_state, encode_state
from tests.build.values import API, WEB


def upstream(number: int, address: str = "10.0.0.1", port: int = 20_000, local: bool = False) -> Upstream:
    return Upstream(InstanceName(WEB, number), address, port, local)


class PortRoutingTests(SynchronousTestCase):
    def test_destinations(self) -> None:
        """A port leads to the instances in the order of their numbers, each place once."""
        upstreams = (upstream(3, port=1), upstream(1, "fd00::1", local=True), upstream(2), upstream(4, port=1))
        service = PortService(WEB, (WantedPort("tcp", 5432, upstreams, proxy_protocol=True),), created=1)
        expected = (Destination("fd00::1", 20_000, True), Destination("10.0.0.1", 20_000), Destination("10.0.0.1", 1))
        route = PortRoute("tcp", 5432, "web.myapp", expected, True)
        self.assertEqual(port_routing([service], {}).routes, (route,))

    def test_oldest_keeps_it(self) -> None:
        """Of two services that want a port the older one has it, on every node; another protocol is another port."""
        young = PortService(API, (WantedPort("tcp", 53, ()), WantedPort("udp", 53, ())), created=5)
        old = PortService(WEB, (WantedPort("tcp", 53, ()),), created=4)
        for services in ([young, old], [old, young]):
            routing = port_routing(services, {})
            owners = [(route.protocol, route.service) for route in routing.routes]
            self.assertEqual(owners, [("tcp", "web.myapp"), ("udp", "api.myapp")])
            refusal = Refusal(API, "port 53/tcp", "port 53/tcp already belongs to web.myapp")
            self.assertEqual(routing.refusals, (refusal,))

    def test_held(self) -> None:
        """A port that this node has no use of as a route is refused here, and nothing else is."""
        service = PortService(WEB, (WantedPort("tcp", 80, ()), WantedPort("udp", 80, ())), created=1)
        routing = port_routing([service], {("tcp", 80): "it is in use for --http"})
        self.assertEqual([(route.protocol, route.port) for route in routing.routes], [("udp", 80)])
        self.assertEqual(
            [refusal.reason for refusal in routing.refusals],
            ["port 80/tcp is no route on this node: it is in use for --http"],
        )

    def test_fixed(self) -> None:
        """Between a route and a host port that a definition fixes it is the same; the fixed one is no route."""
        route = PortService(API, (WantedPort("tcp", 53, ()),), created=5)
        for created, routed in ((4, []), (6, ["api.myapp"])):
            fixed = PortService(WEB, (WantedPort("tcp", 53, (), fixed=True),), created)
            routing = port_routing([route, fixed], {})
            self.assertEqual([one.service for one in routing.routes], routed)
            reason = "port 53/tcp already belongs to the PortBindings of web.myapp"
            self.assertEqual([one.reason for one in routing.refusals], [] if routed else [reason])

    def test_hostile_record(self) -> None:
        """A record with an address or port that is none loses its own place, and becomes an event."""
        bad = (upstream(1, "10.0.0.1;"), upstream(2, "fe80::1%eth0"), upstream(3, port=0), upstream(4))
        service = PortService(WEB, (WantedPort("tcp", 5432, bad),), created=1)
        routing = port_routing([service], {})
        self.assertEqual(routing.routes[0].destinations, (Destination("10.0.0.1", 20_000),))
        self.assertEqual([refusal.subject for refusal in routing.refusals], [f"{n}.web.myapp" for n in (1, 2, 3)])

    def test_too_many(self) -> None:
        """The relay is given as many ports as it takes; those of the youngest services are refused, each by itself."""
        services = [
            PortService(ServiceName("app", f"s{n}"), tuple(WantedPort("tcp", 64 * n + m, ()) for m in range(1, 65)), n)
            for n in range(MOST_PORTS // 64)
        ]
        young = PortService(WEB, (WantedPort("udp", 1, ()), WantedPort("udp", 2, ())), created=MOST_PORTS)
        old = PortService(API, (WantedPort("udp", 3, ()),), created=0)
        routing = port_routing([young, *services, old], {})
        self.assertEqual(decode_state(encode_state(RelayState((), routing.routes), 1))[1].routes, routing.routes)
        self.assertEqual([one.port for one in routing.routes if one.protocol == "udp"], [3])
        last = f"port {MOST_PORTS}/tcp is not served, because the relay is given at most {MOST_PORTS} ports"
        self.assertEqual([one.reason for one in routing.refusals if one.service != WEB], [last])
        self.assertEqual([one.subject for one in routing.refusals if one.service == WEB], ["port 1/udp", "port 2/udp"])

    def test_equal(self) -> None:
        """The order of services makes no difference, so nodes have equal routes."""
        services = [PortService(WEB, (WantedPort("tcp", n, ()),), created=9 - n) for n in range(1, 5)]
        services = [evolve(one, service=name) for one, name in zip(services, (WEB, API, WEB, API), strict=True)]
        self.assertEqual(port_routing(services, {}), port_routing(services[::-1], {}))
