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
    ({"Cmd": "sleep 1"}, "Container.Cmd"),
    ({"Cmd": ["a\0"]}, "Container.Cmd[0]"),
    ({"Env": ["A=1", "B"]}, "Container.Env[1]"),
    ({"Env": ["=1"]}, "Container.Env[0]"),
    ({"Env": {"A": "1"}}, "Container.Env"),
    ({"Memory": "1g"}, "Container.Memory"),
    ({"Memory": True}, "Container.Memory"),
    ({"Memory": 1.5}, "Container.Memory"),
    ({"User": "a\nb"}, "Container.User"),
    ({"ExposedPorts": ["http"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": [0]}, "Container.ExposedPorts"),
    ({"ExposedPorts": {"65536/tcp": {}}}, "Container.ExposedPorts"),
    ({"ExposedPorts": ["80/icmp"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": ["80/"]}, "Container.ExposedPorts"),
    ({"ExposedPorts": "80"}, "Container.ExposedPorts"),
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
    ({"PortBindings": {}}, "Container.PortBindings is not a known key"),
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

    def test_ports_in_every_form(self) -> None:
        """Exposed ports are given as numbers, texts or the API's object, and come out sorted and once."""
        forms: tuple[object, ...] = ([53, "53/udp", "8080", 53], {"8080/tcp": {}, "53/udp": {}, "53": {}})
        for form in forms:
            self.assertEqual(
                Container.read({"Image": "web", "ExposedPorts": form}).exposed,
                (Port(53, "tcp"), Port(53, "udp"), Port(8080, "tcp")),
            )

    def test_volumes_as_an_object(self) -> None:
        """The API's object of volumes has no order."""
        self.assertEqual(
            Container.read({"Image": "web", "Volumes": {"/b": {}, "/a": {}}}),
            Container.read({"Image": "web", "Volumes": {"/a": {}, "/b": {}}}),
        )
