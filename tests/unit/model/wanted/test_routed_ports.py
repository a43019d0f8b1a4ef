"""The port of a container to which an entry of another definition leads."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.http import Http
from daprdockr.model.wanted.routed_ports import RoutedPorts
from tests.build.values import definition


class RoutedPortsTests(SynchronousTestCase):
    def test_of_a_definition(self) -> None:
        """Each kind of routes has the ports of its entries, in order, and one if all are the same."""
        http = [{"HostName": f"{name}.example.com", "ContainerPort": port} for name, port in (("a", 80), ("b", 90))]
        tcp = [{"Port": port, "ContainerPort": 5432} for port in (1, 2)]
        found = definition(Http=http, Tcp=tcp).routed_ports
        names = tuple(entry.known_by for entry in definition(Http=http).http)
        self.assertEqual(found, RoutedPorts((80, 90), (5432,), http_of=names, tcp_of=(1, 2)))
        written = json.loads(json.dumps(found.write()))
        self.assertEqual(written, {"Http": [80, 90], "Tcp": [5432], "HttpOf": list(names), "TcpOf": [1, 2]})
        self.assertEqual(RoutedPorts.read(written, "Routed"), found)
        self.assertRaises(BadInput, RoutedPorts.read, {"Http": [0]}, "Routed")

    def test_known_by(self) -> None:
        """An entry is known by its first host name and its path, whatever else is changed."""
        entry = {"HostName": "a.example.com", "ContainerPort": 80}
        others = ({"ContainerPort": 90}, {"HostName": "a.example.com,b.example.com"}, {"HostName": "b.example.com"})
        names = [Http.read({**entry, **other}, "Http").known_by for other in ({}, *others, {"Path": "/b"})]
        self.assertEqual([names.index(name) for name in names], [0, 0, 0, 3, 4])

    def test_of_older_agents(self) -> None:
        """In a claim without names the place of an entry counts; one without ports is led to as the present one is."""
        self.assertEqual(RoutedPorts().led_to("http", 0, 80, "a"), 80)
        self.assertEqual([RoutedPorts((80, 90)).led_to("http", n, 70, "a") for n in (0, 1, 2)], [80, 90, 70])
        self.assertEqual([RoutedPorts((80,)).led_to("http", n, 70, "a") for n in (0, 1, 2)], [80, 80, 80])

    def test_same_port(self) -> None:
        """A port that is one of the own ones stays, whatever its entry is known by now."""
        own = RoutedPorts((80, 90), http_of=("a", "b"))
        self.assertEqual([own.led_to("http", 0, port, of) for port, of in ((90, "c"), (80, "b"))], [90, 80])
        self.assertEqual(RoutedPorts(tcp=(90,), tcp_of=(5,)).led_to("http", 0, 80, "a"), 80)

    def test_another_port(self) -> None:
        """A port that the container did not have is that of the own entry of the same name, wherever it stands."""
        own = RoutedPorts((80, 90), http_of=("a", "b"))
        self.assertEqual([own.led_to("http", *of) for of in ((0, 70, "b"), (1, 70, "a"), (0, 70, "c"))], [90, 80, 70])
        alike = RoutedPorts((80,), http_of=("a", "b"))
        self.assertEqual([alike.led_to("http", *of) for of in ((0, 70, "b"), (1, 70, "c"))], [80, 70])

    def test_routes(self) -> None:
        """The same of routes, which are known by their ports."""
        own = RoutedPorts(tcp=(5000, 6000), tcp_of=(5, 6))
        self.assertEqual([own.led_to("tcp", n, 70, of) for n, of in ((0, 6), (1, 5), (2, 7))], [6000, 5000, 70])
        self.assertEqual(RoutedPorts(tcp=(5000,), tcp_of=(5,)).led_to("tcp", 1, 9187, 9187), 9187)
        self.assertEqual(RoutedPorts(tcp=(5000,), tcp_of=(5, 6)).led_to("tcp", 1, 70, 6), 5000)
        self.assertEqual(RoutedPorts(udp=(53,), udp_of=(53,)).led_to("udp", 0, 70, 54), 70)
