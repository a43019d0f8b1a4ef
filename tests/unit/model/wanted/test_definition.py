"""Definitions: every bad input named, good ones read back what they write, digests that change only with reason."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.health import Health
from tests.build.strategies import DEFINITIONS, DOCUMENTS, JSON, rewritten, spoiled

WEB: dict[str, Any] = {
    "Name": "web",
    "Group": "myapp",
    "Instances": 3,
    "Container": {"Image": "web:1", "Env": ["A=1"], "ExposedPorts": [9000]},
    "Http": {"HostName": "example.com", "ContainerPort": "8080"},
}

BAD_MEMBERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"Instanzes": 3}, "Instanzes is not a known key, did you mean Instances?"),
    ({"replicas": 3}, "replicas is not a known key, did you mean Instances?"),
    ({"Container": {"Ports": []}}, "Container.Ports is not a known key, did you mean PortBindings?"),
    ({"Image": "web:1"}, "Image is not a known key, did you mean Container.Image?"),
    ({"environment": []}, "environment is not a known key, did you mean Container.Env?"),
    ({"instances": 3}, "instances is given twice, in different case"),
    ({"Instances": -1}, "Instances: -1"),
    ({"Instances": 10001}, "Instances: 10001"),
    ({"Instances": "3"}, "Instances: '3'"),
    ({"Instances": True}, "Instances: true"),
    ({"Instances": 1.5}, "Instances: 1.5"),
    ({"Name": None}, "Name is missing"),
    ({"Group": None}, "Group is missing"),
    ({"Container": None}, "Container is missing"),
    ({"Name": "Web..x"}, "service name 'Web..x'"),
    ({"Name": "a/b.c"}, "service name 'a/b.c'"),
    ({"Group": "x" * 80}, "group name 'xxxx"),
    ({"Group": 7}, "group name 7"),
    ({"Container": "web"}, "Container: 'web'"),
    ({"Container": {"Image": ""}}, "Container.Image: ''"),
    ({"Container": {}}, "Container.Image is missing"),
    ({"Http": {"HostName": "a;b", "ContainerPort": 80}}, "Http.HostName: 'a;b'"),
    ({"Http": {"HostName": "a{", "ContainerPort": 80}}, "Http.HostName: 'a{'"),
    ({"Http": {"HostName": "a\nb", "ContainerPort": 80}}, "Http.HostName: 'a\\nb'"),
    ({"Http": {"HostName": "a b", "ContainerPort": 80}}, "Http.HostName: 'a b'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 0}}, "Http.ContainerPort: 0"),
    ({"Http": {"HostName": "a.b", "ContainerPort": "65536"}}, "Http.ContainerPort: '65536'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": "x"}}, "Http.ContainerPort: 'x'"),
    ({"Http": {"ContainerPort": "80"}}, "Http.HostName is missing"),
    ({"Http": {"HostName": "a.b"}}, "Http.ContainerPort is missing"),
    ({"Http": [{"HostName": "a.b"}]}, "Http[0].ContainerPort is missing"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Path": "/a\nb"}}, "Http.Path: '/a\\nb'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "MaxHeader": 2**17}}, "Http.MaxHeader: 131072 is not usable"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "MaxBody": -1}}, "Http.MaxBody: -1"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "MaxBody": "1M"}}, "Http.MaxBody: '1M'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Buffer": 1}}, "Http.Buffer: 1"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Buffer": True, "MaxBody": 2**25}}, "Http.MaxBody: with Buffer"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Timeout": 0}}, "Http.Timeout: 0"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Sticky": "a;b"}}, "Http.Sticky: 'a;b'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Tls": "never"}}, "Http.Tls: 'never'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Grpc": "yes"}}, "Http.Grpc: 'yes'"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Grpc": True, "Tls": "off"}}, "Http.Grpc: clients of gRPC"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Grpc": True, "Sticky": "who"}}, "Http.Sticky: a call by gRPC"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Hsts": -1}}, "Http.Hsts: -1"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Hsts": 1, "Tls": "off"}}, "Http.Hsts: browsers"),
    ({"Http": {"HostName": "a.b", "ContainerPort": 80, "Sticky": ""}}, "Http.Sticky: ''"),
    ({"Http": [{"HostName": "a.b", "ContainerPort": 80}] * 2}, "Http[1] claims a.b/, as Http[0] does"),
    ({"Http": None, "Health": {"Type": "http"}}, "Health.Port is missing"),
    ({"Http": None, "Health": {"Type": "tcp"}}, "Health.Port is missing"),
    ({"Http": None, "Health": {"Type": "grpc"}}, "Health.Port is missing"),
    ({"Tcp": {"Port": 1, "ContainerPort": 1}}, "Tcp: {"),
    ({"Tcp": [{"Port": 1}]}, "Tcp[0].ContainerPort is missing"),
    ({"Tcp": [{"ContainerPort": 1}]}, "Tcp[0].Port is missing"),
    ({"Tcp": [{"Port": 0, "ContainerPort": 1}]}, "Tcp[0].Port: 0"),
    ({"Tcp": [{"Port": 1, "ContainerPort": "1;"}]}, "Tcp[0].ContainerPort: '1;'"),
    ({"Tcp": [{"Port": 1, "ContainerPort": 1, "ProxyProtocol": 2}]}, "Tcp[0].ProxyProtocol: 2"),
    ({"Tcp": [{"Port": 5, "ContainerPort": 1}, {"Port": "5", "ContainerPort": 2}]}, "Tcp: port 5 is given twice"),
    ({"Tcp": [{"Port": port, "ContainerPort": 1} for port in range(1, 66)]}, "Tcp has 65 members"),
    ({"Udp": [{"Port": 1, "ContainerPort": 1, "ProxyProtocol": True}]}, "Udp[0].ProxyProtocol is not a known key"),
    ({"Udp": [{"Port": 5, "ContainerPort": 1}, {"Port": 5, "ContainerPort": 2}]}, "Udp: port 5 is given twice"),
    ({"Health": {}}, "Health.Type is missing"),
    ({"Health": {"Type": "grpc", "Port": 80, "Service": "a b"}}, "Health.Service: 'a b'"),
    ({"Placement": []}, "Placement: []"),
    ({"OnPartition": "panic"}, "OnPartition: 'panic'"),
    ({"StopTimeout": -1}, "StopTimeout: -1"),
)


class ReadTests(SynchronousTestCase):
    def test_bad_members(self) -> None:
        """Each mistake is answered with one line that begins with its place."""
        for members, part in BAD_MEMBERS:
            error = self.assertRaises(BadInput, Definition.read, {**WEB, **members})
            self.assertTrue(str(error).startswith(part), f"{part}: {error}")
            self.assertTrue(str(error).isprintable(), str(error))

    def test_job_with_empty_members(self) -> None:
        """A job may have empty lists of what only services have; they are as if they were left out."""
        job = {"Name": "r", "Group": "g", "Container": {"Image": "x"}, "Schedule": {"Once": True}}
        empty: dict[str, object] = {name: [] for name in ("Http", "Tcp", "Udp", "After")}
        self.assertEqual(Definition.read({**job, **empty}), Definition.read(job))

    def test_no_object(self) -> None:
        """A document that is no object is no definition."""
        for data in (b"null", b"[]", b"3", b'"web"', b"", b'{"Name": "web", "Gro', b"\0" * 1_000_000):
            self.assertRaises(BadInput, Definition.parse, data)

    def test_defaults(self) -> None:
        """Only name, group and image must be given; null stands for not given."""
        least = {"Name": "web", "Group": "myapp", "Container": {"Image": "web:1"}}
        full = {**least, "Instances": 1, "OnPartition": "keep", "StopTimeout": 10, "Placement": {}, "Update": {}}
        self.assertEqual(Definition.read(least), Definition.read(full))
        self.assertEqual(Definition.read(least), Definition.read({**least, "Http": None, "Instances": None}))

    @given(DEFINITIONS)
    def test_reads_what_it_writes(self, definition: Definition) -> None:
        """A definition reads back from its JSON form and from its bytes, which stay the same."""
        self.assertEqual(Definition.read(definition.write()), definition)
        self.assertEqual(Definition.parse(definition.encode()), definition)
        self.assertEqual(Definition.parse(definition.encode()).encode(), definition.encode())

    @given(st.data())
    def test_order_and_case_of_keys(self, data: st.DataObject) -> None:
        """Neither the order nor the case of keys makes a difference, to the digest neither."""
        document = data.draw(DOCUMENTS)
        other = Definition.read(data.draw(rewritten(document)))
        self.assertEqual(other, Definition.read(document))
        self.assertEqual(other.digest, Definition.read(document).digest)

    @given(st.one_of(st.binary(max_size=80), JSON.map(lambda value: json.dumps(value).encode())))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a definition or bad input, reported in one line."""
        self._read(data)

    @given(DOCUMENTS.flatmap(spoiled))
    def test_almost_good(self, document: object) -> None:
        """A definition with one place replaced by anything is a definition or bad input, reported in one line."""
        self._read(json.dumps(document).encode())

    @given(DOCUMENTS.map(lambda document: json.dumps(document).encode()), st.integers(0, 200))
    def test_cut_short(self, data: bytes, length: int) -> None:
        """A document that is cut short is bad input."""
        self.assertRaises(BadInput, Definition.parse, data[: min(length, len(data) - 1)])

    def _read(self, data: bytes) -> None:
        try:
            definition = Definition.parse(data)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))
        else:
            self.assertEqual(Definition.parse(definition.encode()), definition)
            self.assertEqual(len(definition.digest), 12)


class CheckTests(SynchronousTestCase):
    def test_http_without_health(self) -> None:
        """A service with HTTP and no health is checked by TCP connect on that port."""
        self.assertEqual(Definition.read(WEB).check, Health(type="tcp", port=8080))

    def test_tcp_without_health(self) -> None:
        """A service with a TCP route and no HTTP is checked by TCP connect on the port that its first one leads to."""
        tcp = [{"Port": 5432, "ContainerPort": "5433"}, {"Port": 1, "ContainerPort": 2}]
        self.assertEqual(Definition.read({**WEB, "Http": None, "Tcp": tcp}).check, Health(type="tcp", port=5433))
        self.assertEqual(Definition.read({**WEB, "Tcp": tcp}).check.port, 8080)
        self.assertEqual(Definition.read({**WEB, "Http": None, "Tcp": tcp, "Health": {"Type": "tcp"}}).check.port, 5433)

    def test_udp_without_health(self) -> None:
        """A service with nothing but UDP routes is not checked: silence proves nothing."""
        udp = [{"Port": 514, "ContainerPort": 514}]
        self.assertEqual(Definition.read({**WEB, "Http": None, "Udp": udp}).check, Health())

    def test_health_without_port(self) -> None:
        """A health check without port uses the HTTP port; one with a port uses its own."""
        for port, expected in ((None, 8080), (9000, 9000)):
            health = {"Type": "http", "Path": "/up", "Port": port}
            check = Definition.read({**WEB, "Health": health}).check
            self.assertEqual((check.type, check.path, check.port), ("http", "/up", expected))

    def test_health_host(self) -> None:
        """A check by HTTP asks for the first host name that is no wildcard, unless it says which."""
        http = {"HostName": "*.example.com,app.example.com", "ContainerPort": 8080}
        for host, expected in ((None, "app.example.com"), ("other.test", "other.test")):
            definition = Definition.read({**WEB, "Http": http, "Health": {"Type": "http", "Host": host}})
            self.assertEqual(definition.check.host, expected)
            self.assertEqual(definition.digest, Definition.read({**WEB, "Http": http}).digest)
        alone = {**WEB, "Http": {**http, "HostName": "*.example.com"}, "Health": {"Type": "http"}}
        self.assertEqual(Definition.read(alone).check.host, "")
        self.assertEqual(Definition.read({**WEB, "Health": {"Type": "tcp"}}).check.host, "")

    def test_several_entries(self) -> None:
        """Of several entries of HTTP the first is checked, and a host name of the checked port is asked for."""
        first = {"HostName": "*.example.com,www.example.com", "ContainerPort": 8080}
        http = [first, {"HostName": "api.example.com", "ContainerPort": 81, "Path": "/api"}]
        plain = Definition.read({**WEB, "Http": http})
        self.assertEqual((plain.check.type, plain.check.port), ("tcp", 8080))
        self.assertEqual(plain.ports, (Port(81), Port(8080), Port(9000)))
        for port, expected in ((None, "www.example.com"), (81, "api.example.com"), (7, "www.example.com")):
            definition = Definition.read({**WEB, "Http": http, "Health": {"Type": "http", "Port": port}})
            self.assertEqual(definition.check.host, expected)

    def test_neither(self) -> None:
        """Without HTTP and health nothing is checked."""
        self.assertEqual(Definition.read({**WEB, "Http": None}).check.type, "none")

    def test_health_none(self) -> None:
        """Health of type none switches the check of the HTTP port off."""
        self.assertEqual(Definition.read({**WEB, "Health": {"Type": "none"}}).check.type, "none")

    def test_ports(self) -> None:
        """The ports are the exposed ones, the one of HTTP and the one that is checked, each once."""
        definition = Definition.read({**WEB, "Health": {"Type": "tcp", "Port": 7}})
        self.assertEqual(definition.ports, (Port(7), Port(8080), Port(9000)))
        self.assertEqual(
            Definition.read({**WEB, "Health": {"Type": "tcp", "Port": 9000}}).ports, (Port(8080), Port(9000))
        )

    def test_ports_of_routes(self) -> None:
        """The ports that TCP and UDP routes lead to are published as well, each by its protocol."""
        routes = {"Tcp": [{"Port": 1, "ContainerPort": 53}], "Udp": [{"Port": 2, "ContainerPort": 53}]}
        expected = (Port(53), Port(53, "udp"), Port(8080), Port(9000))
        self.assertEqual(Definition.read({**WEB, **routes}).ports, expected)

    def test_host_ports(self) -> None:
        """A fixed host port publishes its port; each node has room for one instance, and it is no route as well."""
        fixed = {**WEB["Container"], "PortBindings": {"5432/tcp": [{"HostPort": "5432"}]}}
        definition = Definition.read({**WEB, "Container": fixed})
        self.assertIn(Port(5432), definition.ports)
        self.assertEqual((definition.one_per_node, Definition.read(WEB).one_per_node), (True, False))
        self.assertEqual(Definition.parse(definition.encode()), definition)
        Definition.read({**WEB, "Container": fixed, "Udp": [{"Port": 5432, "ContainerPort": 1}]})
        route = {"Tcp": [{"Port": 5432, "ContainerPort": 1}]}
        error = self.assertRaises(BadInput, Definition.read, {**WEB, "Container": fixed, **route})
        self.assertIn("Container.PortBindings: 5432/tcp is a route as well", str(error))


class DigestTests(SynchronousTestCase):
    def digest(self, **members: Any) -> str:
        return Definition.read({**WEB, **members}).digest

    def test_what_a_running_container_can_still_serve(self) -> None:
        """A change that needs no new container leaves the digest as it is."""
        harmless: tuple[dict[str, Any], ...] = (
            {"Instances": 7},
            {"Http": {"HostName": "other.org", "ContainerPort": 8080}},
            {"Http": [{"HostName": "other.org", "ContainerPort": 8080, "Path": p} for p in ("/", "/api")]},
            {"Health": {"Type": "http", "Path": "/x", "Interval": 1, "Retries": 9}},
            {"Health": {"Type": "none"}},
            {"Tcp": [{"Port": 5432, "ContainerPort": 8080}]},
            {"Placement": {"OnePerNode": True}},
            {"Placement": {"Constraints": ["zone == a"]}},
            {"Update": {"Order": "stop-first", "Parallelism": 2, "MinHealthy": 1, "Deadline": 9, "Drain": 1}},
            {"Update": {"OnFailure": "pause"}},
            {"OnPartition": "keep"},
            {"StopTimeout": 1},
            {"After": ["db", "cache.shared"]},
        )
        for members in harmless:
            self.assertEqual(self.digest(**members), self.digest(), members)

    def test_what_needs_a_new_container(self) -> None:
        """A change of what runs, or of the ports it must publish, changes the digest."""
        container = WEB["Container"]
        changes: tuple[dict[str, Any], ...] = (
            {"Container": {**container, "Image": "web:2"}},
            {"Container": {**container, "Env": ["A=2"]}},
            {"Container": {**container, "Memory": 1}},
            {"Container": {**container, "ExposedPorts": []}},
            {"Container": {**container, "PortBindings": {"9000": [{"HostPort": "1"}]}}},
            {"Http": {"HostName": "example.com", "ContainerPort": 81}},
            {"Health": {"Type": "tcp", "Port": 82}},
            {"Tcp": [{"Port": 8080, "ContainerPort": 83}]},
            {"Udp": [{"Port": 8080, "ContainerPort": 8080}]},
            {"OnPartition": "stop"},
            {"Restarted": "2026-11-28T04:00:00.000000Z"},
        )
        digests = [self.digest(), *(self.digest(**members) for members in changes)]
        self.assertEqual(len(set(digests)), len(digests))

    def test_is_the_same_for_ever(self) -> None:
        """The digest of a definition is the one that earlier agents wrote on their containers."""
        self.assertEqual(self.digest(), "0f6ddd3cecec")

    @given(DEFINITIONS)
    def test_survives_etcd(self, definition: Definition) -> None:
        """A definition read back from etcd has the digest it had."""
        self.assertEqual(Definition.parse(definition.encode()).digest, definition.digest)
        self.assertEqual(evolve(definition, instances=5).digest, definition.digest)
