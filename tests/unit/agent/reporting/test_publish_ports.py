"""Publishing TCP and UDP routes: which claims count, and when they are computed again."""

from __future__ import annotations

from daprdockr.agent.reporting.publish_ports import PublishPorts
from daprdockr.model.stored.entries import Batch, Change
from daprdockr.model.wanted.routed_ports import RoutedPorts
from daprdockr.proxy.ports import PortRouting
from daprdockr.relay.message import Destination, PortKey
from tests.build.publish_case import PublishCase, record
from tests.build.values import HTTP, KEYS, WEB, definition, fixing, named

TCP = [{"Port": 5432, "ContainerPort": "8080"}]
UDP = [{"Port": 53, "ContainerPort": "53"}]


class PublishPortsTests(PublishCase):
    def setUp(self) -> None:
        super().setUp()
        self.held: dict[PortKey, str] = {}
        self.published: list[PortRouting] = []
        self.ports = PublishPorts(
            reactor=self.clock,
            node="a",
            cluster=self.cluster,
            claims=self.publish.claims,
            held=lambda: self.held,
            record_refusal=lambda refusal: self.told.append((str(refusal.service), refusal.reason)),
        )
        self.ports.routings.subscribe(self.published.append)

    def change(self, *changes: Change) -> None:
        found = self.cluster.apply(Batch(1, self.cluster.revision + 1, changes))
        self.own_claims.on_changes(found)
        self.ports.on_changes(found)
        self.clock.advance(0)

    @property
    def led(self) -> dict[PortKey, list[Destination]]:
        """Where ports lead."""
        return {(route.protocol, route.port): list(route.destinations) for route in self.published[-1].routes}

    def test_revision(self) -> None:
        """The routes have the revision of the cluster, but for changes that are not published yet."""
        self.assertEqual(self.ports.revision, 0)
        self.change()
        first = self.cluster.revision
        self.assertEqual(self.ports.revision, first)
        self.ports.on_changes(self.cluster.apply(Batch(1, first + 1, ())))
        self.assertEqual(self.ports.revision, first)
        self.clock.advance(0)
        self.assertEqual(self.ports.revision, first + 1)

    def test_healthy(self) -> None:
        """A port leads to the healthy instances, wherever they run, at the host port of its own protocol."""
        wanted = definition(instances=3, Tcp=TCP, Udp=UDP)
        unwell = self.claimed(3, record("b", healthy=False))
        self.change(self.defined(wanted), self.claimed(1, record("a")), self.claimed(2, record("b", 20_007)), unwell)
        self.assertEqual(
            self.led,
            {
                ("tcp", 5432): [Destination("10.0.0.1", 20_000, True), Destination("10.0.0.2", 20_007)],
                ("udp", 53): [Destination("10.0.0.1", 5, True), Destination("10.0.0.2", 5)],
            },
        )

    def test_own_definition(self) -> None:
        """A container of another definition is led to by its own port, for each protocol by itself."""
        to = [{"Port": 5432, "ContainerPort": "9090"}], [{"Port": 53, "ContainerPort": "9090"}]
        own = RoutedPorts(tcp=(8080,), udp=(53,))
        old = self.claimed(1, record("a", routed=own))
        self.change(self.defined(definition(instances=2, Tcp=to[0], Udp=to[1])), old, self.claimed(2, record("b")))
        there = {key: [(one.address, one.port) for one in found] for key, found in self.led.items()}
        self.assertEqual(there, {("tcp", 5432): [("10.0.0.1", 20_000)], ("udp", 53): [("10.0.0.1", 5)]})

    def test_added(self) -> None:
        """A route that is added leads to no container of the former definition, which has no port for it."""
        before = definition(instances=2, Tcp=[{"Port": 5432, "ContainerPort": "8080"}])
        added = definition(instances=2, Tcp=[{"Port": 9187, "ContainerPort": "9187"}, *TCP])
        old = self.claimed(1, record("a", routed=before.routed_ports))
        self.change(self.defined(added), old)
        there = {key: [(one.address, one.port) for one in found] for key, found in self.led.items()}
        self.assertEqual(there, {("tcp", 5432): [("10.0.0.1", 20_000)], ("tcp", 9187): []})

    def test_proxy_protocol(self) -> None:
        """The route states whether an instance receives the client's address."""
        self.change(self.defined(definition(Tcp=[{**TCP[0], "ProxyProtocol": True}])))
        self.assertEqual([route.proxy_protocol for route in self.published[-1].routes], [True])

    def test_gone(self) -> None:
        """With the definition, or its Tcp, the port goes."""
        self.change(
            self.defined(definition(Tcp=TCP)), self.defined(named("api", Tcp=[{"Port": 1, "ContainerPort": 1}]))
        )
        self.change(self.gone(KEYS.service(WEB)))
        self.assertEqual(list(self.led), [("tcp", 1)])
        self.change(self.defined(named("api")))
        self.assertEqual(self.led, {})

    def test_fixed(self) -> None:
        """A host port that an older definition fixes is no route, until that is gone."""
        self.change(self.defined(named("db", Container=fixing(5432))))
        self.change(self.defined(definition(Tcp=TCP)))
        self.assertEqual(self.led, {})
        self.assertIn("PortBindings of db.myapp", self.told[-1][1])
        self.change(self.gone(KEYS.service(named("db").name)))
        self.assertEqual(list(self.led), [("tcp", 5432)])

    def test_unchanged(self) -> None:
        """The relay is not bothered with what changes no route, nor with services that have none."""
        self.change(self.defined(named("api", Http=HTTP)), self.defined(definition(instances=2, Tcp=TCP)))
        self.change(self.claimed(1, record("a")))
        self.change(self.claimed(1, record("a", reason="told anew")), self.claimed(2, record("b", healthy=False)))
        self.assertEqual(len(self.published), 2)

    def test_refusals(self) -> None:
        """A service that does not get a port is an event, once, until that changes; then the port follows."""
        self.held = {("tcp", 5432): "it is in use for --api"}
        self.change(self.defined(definition(Tcp=TCP)))
        self.change(self.claimed(1, record("a")))
        refused = ("web.myapp", "port 5432/tcp is no route on this node: it is in use for --api")
        self.assertEqual((self.told, self.led), ([refused], {}))
        self.held = {}
        self.ports.on_containers([WEB])
        self.clock.advance(0)
        self.assertEqual(list(self.led), [("tcp", 5432)])
        self.held = {("tcp", 5432): "it is in use for --api"}
        self.ports.on_containers([WEB])
        self.clock.advance(0)
        self.assertEqual(self.told, [refused, refused])

    def test_oldest(self) -> None:
        """A service that is defined later does not take a port away."""
        self.change(self.defined(definition(Tcp=TCP)))
        self.change(self.defined(named("api", Tcp=TCP)))
        self.assertEqual([route.service for route in self.published[-1].routes], ["web.myapp"])
        self.assertEqual(self.told, [("api.myapp", "port 5432/tcp already belongs to web.myapp")])
