"""The container part of a definition: the fields that pass, in which forms, and what is refused."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.wanted.container import Container

BAD_FIELDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"Image": ""}, "Container.Image"),
    ({"Image": None}, "Container.Image is missing"),
    ({"Image": "a b"}, "Container.Image"),
    ({"Image": "-web"}, "Container.Image"),
    ({"Image": "x" * 256}, "Container.Image"),
    ({"Image": ["web"]}, "Container.Image"),
    ({"Image": "web:1:2"}, "Container.Image: 'web:1:2' is not usable, write an image such as nginx:1.25"),
    ({"Image": "Shop/web"}, "Container.Image: 'Shop/web' is not usable, write the repository in lower case"),
    ({"Image": "a.example:5000/Web:1"}, "Container.Image: 'a.example:5000/Web:1' is not usable, write the repository"),
    ({"Cmd": "sleep 1"}, "Container.Cmd"),
    ({"Cmd": ["a\0"]}, "Container.Cmd[0]"),
    ({"Env": ["A=1", "B"]}, "Container.Env[1]"),
    ({"Env": ["=1"]}, "Container.Env[0]"),
    ({"Env": {"A": "1"}}, "Container.Env"),
    ({"Memory": "1g"}, "Container.Memory: '1g' is not usable, write a whole number of bytes from -1"),
    ({"Memory": True}, "Container.Memory"),
    ({"Memory": 1.5}, "Container.Memory"),
    ({"User": "a\nb"}, "Container.User"),
    ({"ExposedPorts": ["http"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": [0]}, "Container.ExposedPorts"),
    ({"ExposedPorts": {"65536/tcp": {}}}, "Container.ExposedPorts"),
    ({"ExposedPorts": ["80/icmp"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": ["80/"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": "80"}, "Container.ExposedPorts"),
    ({"ExposedPorts": [*range(1, 258)]}, "Container.ExposedPorts has 257 members, write at most 256"),
    ({"ExposedPorts": dict.fromkeys(map(str, range(1, 258)))}, "Container.ExposedPorts has 257 members, write"),
    ({"Volumes": ["data"]}, "Container.Volumes"),
    ({"Volumes": ["data/x"]}, "Container.Volumes"),
    ({"Volumes": ["/a:b"]}, "Container.Volumes"),
    ({"Labels": {"io.daprdockr.node": "a"}}, "Container.Labels"),
    ({"Labels": {"a\nb": 1}}, "Container.Labels.a\\nb"),
    ({"NetworkMode": "host"}, "Container.NetworkMode"),
    ({"NetworkMode": "container:x"}, "Container.NetworkMode"),
    ({"NetworkMode": "ns:/proc/1/ns/net"}, "Container.NetworkMode"),
    ({"OomScoreAdj": -1001}, "Container.OomScoreAdj"),
    ({"RestartPolicy": {"Name": "always"}}, "Container.RestartPolicy is not a known key"),
    ({"PortBindings": ["5432"]}, "Container.PortBindings"),
    ({"PortBindings": {"5432/icmp": [{"HostPort": "1"}]}}, "Container.PortBindings"),
    ({"PortBindings": {"a\nb": [{"HostPort": "1"}]}}, "Container.PortBindings"),
    ({"PortBindings": {"5432": [{"HostPort": "1"}], "5432/tcp": [{"HostPort": "2"}]}}, "Container.PortBindings: port"),
    (
        {"PortBindings": {"1": [{"HostPort": "3"}], "2": [{"HostPort": 3}]}},
        "Container.PortBindings: host port 3/tcp is",
    ),
    ({"PortBindings": {"1": {"HostPort": "3"}}}, "Container.PortBindings.1/tcp"),
    ({"PortBindings": {"1": None}}, "Container.PortBindings.1/tcp"),
    ({"PortBindings": {"1": []}}, "Container.PortBindings.1/tcp has 0 members, write one"),
    ({"PortBindings": {"1": [{"HostPort": "3"}, {"HostPort": "4"}]}}, "Container.PortBindings.1/tcp has 2 members"),
    ({"PortBindings": {"1": [{"HostPort": "3", "HostIp": "127.0.0.1"}]}}, "Container.PortBindings.1/tcp[0].HostIp"),
    ({"PortBindings": {"1": [{"Port": "3"}]}}, "Container.PortBindings.1/tcp[0].Port is not a known key"),
    *(
        ({"PortBindings": {"1": [binding]}}, "Container.PortBindings.1/tcp[0].HostPort")
        for binding in ({}, *({"HostPort": port} for port in ("", "0", 0, "65536", "80-90", "http", True, [1])))
    ),
    ({"PortBindings": {str(n): [{"HostPort": n}] for n in range(1, 66)}}, "Container.PortBindings has 65 members"),
    ({"PublishAllPorts": True}, "Container.PublishAllPorts is not a known key"),
    ({"HostConfig": {"Image": "x"}}, "Container.HostConfig.Image is not a known key"),
    ({"HostConfig": {"HostConfig": {}}}, "Container.HostConfig.HostConfig is not a known key"),
    ({"HostConfig": {"Memory": "1"}}, "Container.HostConfig.Memory"),
    ({"Memory": 1, "HostConfig": {"memory": 2}}, "Container.Memory is given twice"),
)


class ContainerTests(SynchronousTestCase):
    def test_bad_fields(self) -> None:
        """A field that cannot be used is named, in one line."""
        for fields, part in BAD_FIELDS:
            error = self.assertRaises(BadInput, Container.read, {"Image": "web", **fields})
            self.assertTrue(str(error).startswith(part), f"{part}: {error}")
            self.assertTrue(str(error).isprintable(), str(error))

    def test_both_places_of_the_engine(self) -> None:
        """A field inside HostConfig and at the top is the same field."""
        self.assertEqual(
            Container.read({"image": "web", "hostconfig": {"MEMORY": 5}}), Container.read({"Image": "web", "Memory": 5})
        )

    def test_images(self) -> None:
        """The host of a registry and a tag may be in upper case; a digest, or an id, may stand behind or alone."""
        digest = "sha256:" + "0a" * 32
        for image in ("a__b-c.d/e:V1.2-x", "Registry.example:5000/a/b:1", "localhost/a", f"web:1@{digest}", digest):
            self.assertEqual(Container.read({"Image": image}).image, image)

    def test_ports_in_every_form(self) -> None:
        """Exposed ports are given as numbers, texts or the API's object, and come out sorted and once."""
        forms: tuple[object, ...] = ([53, "53/udp", "8080", 53], {"8080/tcp": {}, "53/udp": {}, "53": {}})
        for form in forms:
            self.assertEqual(
                Container.read({"Image": "web", "ExposedPorts": form}).exposed,
                (Port(53, "tcp"), Port(53, "udp"), Port(8080, "tcp")),
            )

    def test_host_ports(self) -> None:
        """Fixed host ports are given in the Engine's form, and come out sorted; one number may be had by protocol."""
        dns = [{"HostPort": "53"}]
        bindings = {"8080": [{"HostIp": "", "HostPort": 80}], "53/udp": dns, "53": dns}
        read = Container.read({"Image": "web", "HostConfig": {"PortBindings": bindings}})
        self.assertEqual(read.host_ports, (Port(53, "tcp", 53), Port(53, "udp", 53), Port(8080, "tcp", 80)))
        self.assertEqual(Container.read(dict(read.fields)), read)
        self.assertEqual(Container.read({"Image": "web", "PortBindings": {}}).host_ports, ())

    def test_volumes_as_an_object(self) -> None:
        """The API's object of volumes has no order."""
        self.assertEqual(
            Container.read({"Image": "web", "Volumes": {"/b": {}, "/a": {}}}),
            Container.read({"Image": "web", "Volumes": {"/a": {}, "/b": {}}}),
        )
