"""``daprdockr.dns.zone.zone``: names and records for what runs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.message.records import AAAA, NS, SOA, SRV, A, RRset, Srv
from daprdockr.dns.zone.zone import APEX_TTL, NAMESERVER, Zone
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from tests.build.dns_samples import RUNNING, running, sample_zone
from tests.build.values import WEB


def look(zone: Zone, name: str) -> dict[int, tuple[object, ...]] | None:
    """The records at a name below ``container.``, by type, without TTLs."""
    node = zone.lookup(tuple(name.encode().split(b".")) if name else ())
    return None if node is None else {kind: rrset.data for kind, rrset in node.items()}


class NameTests(SynchronousTestCase):
    """Which names exist, and what they have."""

    def setUp(self) -> None:
        self.zone = sample_zone()

    def check(self, name: str, expected: dict[int, tuple[object, ...]] | None) -> None:
        self.assertEqual(expected, look(self.zone, name), name)

    def test_instances(self) -> None:
        """An instance has the addresses of its host."""
        self.check("1.web.myapp", {A: ("10.0.0.1",), AAAA: ("fd00::1",)})
        self.check("2.web.myapp", {A: ("10.0.0.2",)})

    def test_unhealthy(self) -> None:
        """An instance that fails its check has no name, and is in no answer."""
        self.check("3.web.myapp", None)
        self.check("8080.tcp.3.web.myapp", None)

    def test_services(self) -> None:
        """A service has the addresses of all its instances."""
        self.check("web.myapp", {A: ("10.0.0.1", "10.0.0.2"), AAAA: ("fd00::1",)})

    def test_groups(self) -> None:
        """A group has the addresses of all its services, each once."""
        self.check("myapp", {A: ("10.0.0.1", "10.0.0.2"), AAAA: ("fd00::1",)})

    def test_declared(self) -> None:
        """A service without an instance exists and has nothing, and so does its group."""
        self.check("idle.quiet", {})
        self.check("quiet", {})
        self.check("1.idle.quiet", None)

    def test_ports(self) -> None:
        """A published port has the host's port and the name of the instance, in both spellings."""
        record = Srv(32001, "1.web.myapp.container")
        for name in ("8080.tcp.1.web.myapp", "_8080._tcp.1.web.myapp"):
            self.check(name, {SRV: (record,)})
        self.check("53.udp.1.web.myapp", {SRV: (Srv(32002, "1.web.myapp.container"),)})

    def test_ports_of_services(self) -> None:
        """A port of a service has one record for each instance."""
        records = (Srv(32001, "1.web.myapp.container"), Srv(32003, "2.web.myapp.container"))
        for name in ("8080.tcp.web.myapp", "_8080._tcp.web.myapp"):
            self.check(name, {SRV: records})

    def test_unpublished_ports(self) -> None:
        """A port without a port of the host has no name."""
        self.check("9000.tcp.2.web.myapp", None)

    def test_names_between(self) -> None:
        """A name that only has names below it exists (RFC 8020)."""
        for name in ("tcp.1.web.myapp", "_tcp.1.web.myapp", "udp.web.myapp", "_udp.web.myapp"):
            self.check(name, {})

    def test_absent(self) -> None:
        """Nothing else exists."""
        for name in ("nope", "nope.myapp", "9.web.myapp", "01.web.myapp", "tcp.2.db.myapp", "x.8080.tcp.1.web.myapp"):
            self.check(name, None)

    def test_apex(self) -> None:
        """The apex has SOA and NS; the name server has this node's addresses, and the names above it exist."""
        apex = self.zone.lookup(())
        assert apex is not None
        self.assertEqual({SOA, NS}, set(apex))
        self.assertEqual(RRset(NS, APEX_TTL, (NAMESERVER,)), apex[NS])
        self.check("a.ns.dns", {A: ("10.0.0.9",), AAAA: ("fd00::9",)})
        self.check("ns.dns", {})
        self.check("dns", {})

    def test_service_beside_the_name_server(self) -> None:
        """A service ``ns`` of a group ``dns`` and the zone's own name server do not hide each other."""
        zone = self.zone.replace(ServiceName.parse("ns.dns"), [running("1.ns.dns", "10.0.0.4")])
        self.assertEqual({A: ("10.0.0.4",)}, look(zone, "ns.dns"))
        self.assertEqual({A: ("10.0.0.4",)}, look(zone, "1.ns.dns"))
        self.assertEqual({A: ("10.0.0.9",), AAAA: ("fd00::9",)}, look(zone, "a.ns.dns"))

    def test_times_to_live(self) -> None:
        """Records that depend on instances must not be cached: their TTL is 0."""
        for name in ("1.web.myapp", "web.myapp", "myapp", "8080.tcp.web.myapp"):
            node = self.zone.lookup(tuple(name.encode().split(b".")))
            assert node is not None
            self.assertEqual({0}, {rrset.ttl for rrset in node.values()}, name)


class HostileInputTests(SynchronousTestCase):
    """Values from etcd need not make sense."""

    def zone(self, addresses: str, *ports: Port) -> Zone:
        return Zone.of([running("1.web.myapp", addresses, *ports)], serial=1)

    def test_addresses(self) -> None:
        """A text that is no address of a host is left out; the same address in two spellings is one."""
        zone = self.zone("10.0.0.1 nonsense 10.0.0.1 300.1.1.1 FD00:0::1 fd00::1 fe80::1%eth0")
        self.assertEqual({A: ("10.0.0.1",), AAAA: ("fd00::1",)}, look(zone, "1.web.myapp"))

    def test_no_address(self) -> None:
        """An instance without an address exists nevertheless."""
        self.assertEqual({}, look(self.zone(""), "1.web.myapp"))

    def test_ports(self) -> None:
        """A port of the host that cannot be one is left out, and a protocol may be any text."""
        zone = self.zone("10.0.0.1", Port(80, "tcp", 70000), Port(80, "tcp", -1), Port(81, "ümläut" * 30, 5))
        self.assertIsNone(look(zone, "80.tcp.1.web.myapp"))

    def test_protocol_case(self) -> None:
        """A protocol is found whatever case the Engine wrote it in."""
        zone = self.zone("10.0.0.1", Port(80, "TCP", 5))
        self.assertEqual({SRV: (Srv(5, "1.web.myapp.container"),)}, look(zone, "80.tcp.1.web.myapp"))

    def test_one_number_twice(self) -> None:
        """Of two that claim one number the last one counts."""
        zone = Zone.of([running("1.web.myapp", "10.0.0.1"), running("1.web.myapp", "10.0.0.2")], serial=1)
        self.assertEqual({A: ("10.0.0.2",)}, look(zone, "web.myapp"))


class ChangeTests(SynchronousTestCase):
    """From one zone to the next."""

    def setUp(self) -> None:
        self.zone = sample_zone()

    def test_replace(self) -> None:
        """The service has its new instances; the zone before does not change."""
        after = self.zone.replace(WEB, [running("4.web.myapp", "10.0.0.4")])
        self.assertEqual({A: ("10.0.0.4",)}, look(after, "web.myapp"))
        self.assertIsNone(look(after, "1.web.myapp"))
        self.assertEqual({A: ("10.0.0.2", "10.0.0.4")}, {A: tuple(sorted(map(str, (look(after, "myapp") or {})[A])))})
        self.assertEqual({A: ("10.0.0.1", "10.0.0.2"), AAAA: ("fd00::1",)}, look(self.zone, "web.myapp"))

    def test_the_rest_is_shared(self) -> None:
        """A change costs its service: all others are the same objects."""
        after = self.zone.replace(WEB, [])
        self.assertIs(self.zone.groups[b"quiet"], after.groups[b"quiet"])
        self.assertIs(self.zone.groups[b"myapp"].services[b"db"], after.groups[b"myapp"].services[b"db"])

    def test_like_from_scratch(self) -> None:
        """A zone that was changed bit by bit is the zone of what runs in the end."""
        zone = Zone.of([], serial=5, addresses=("10.0.0.9", "fd00::9"))
        for service in ("web.myapp", "db.myapp", "idle.quiet"):
            name = ServiceName.parse(service)
            zone = zone.replace(name, [one for one in RUNNING if one.instance.service == name])
        self.assertEqual(zone.groups, sample_zone().groups)

    def test_without_instances(self) -> None:
        """A declared service keeps its name when its last instance goes."""
        self.assertEqual({}, look(self.zone.replace(WEB, []), "web.myapp"))

    def test_removed(self) -> None:
        """A service that is no longer declared goes with its last instance, and a group with its last service."""
        gone = self.zone.replace(ServiceName.parse("idle.quiet"), [], declared=False)
        self.assertIsNone(look(gone, "idle.quiet"))
        self.assertIsNone(look(gone, "quiet"))
        left = self.zone.replace(WEB, [], declared=False)
        self.assertIsNone(look(left, "web.myapp"))
        self.assertEqual({A: ("10.0.0.2",)}, look(left, "myapp"))

    def test_removed_twice(self) -> None:
        """Removing what is not there changes no name."""
        zone = self.zone.replace(ServiceName.parse("no.where"), [], declared=False)
        self.assertEqual(self.zone.groups, zone.groups)

    def test_running_undeclared(self) -> None:
        """An instance of a service that was deleted answers while it runs."""
        zone = self.zone.replace(WEB, [running("1.web.myapp", "10.0.0.1")], declared=False)
        self.assertEqual({A: ("10.0.0.1",)}, look(zone, "1.web.myapp"))

    def test_serial(self) -> None:
        """The serial grows by one with each change, around the end of its 32 bits."""
        self.assertEqual(8, self.zone.replace(WEB, []).serial)
        self.assertEqual(0, Zone.of([], serial=2**32 - 1).replace(WEB, []).serial)
        self.assertEqual(5, Zone.of([], serial=2**32 + 5).serial)


class SizeTests(SynchronousTestCase):
    """A whole cluster."""

    def test_ten_thousand(self) -> None:
        """A service of the largest size answers for all of its instances."""
        service = ServiceName.parse("web.big")
        zone = Zone.of([], serial=1).replace(
            service,
            [running(str(InstanceName(service, n)), f"10.{n // 250}.0.{n % 250}") for n in range(1, 10_001)],
        )
        self.assertEqual(10_000, len((look(zone, "web.big") or {})[A]))
        self.assertEqual({A: ("10.40.0.0",)}, look(zone, "10000.web.big"))
