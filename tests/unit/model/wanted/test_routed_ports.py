"""The port of a container to which an entry of another definition leads."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.routed_ports import RoutedPorts
from tests.build.values import definition


class RoutedPortsTests(SynchronousTestCase):
    def test_of_a_definition(self) -> None:
        """Each kind of routes has the ports of its entries, in order, and one if all are the same."""
        http = [{"HostName": f"{name}.example.com", "ContainerPort": port} for name, port in (("a", 80), ("b", 90))]
        tcp = [{"Port": port, "ContainerPort": 5432} for port in (1, 2)]
        found = definition(Http=http, Tcp=tcp).routed_ports
        self.assertEqual(found, RoutedPorts((80, 90), (5432,), tcp_of=(1, 2), http_entries=2))
        written = json.loads(json.dumps(found.write()))
        self.assertEqual(written, {"Http": [80, 90], "Tcp": [5432], "TcpOf": [1, 2], "HttpEntries": 2})
        self.assertEqual(RoutedPorts.read(written, "Routed"), found)
        self.assertRaises(BadInput, RoutedPorts.read, {"Http": [0]}, "Routed")

    def test_unknown(self) -> None:
        """A claim of an older agent, which does not say, is led to as the present definition says."""
        self.assertEqual(RoutedPorts().led_to("http", 0, 80), 80)

    def test_same_port(self) -> None:
        """A port that is one of the own ones stays, wherever its entry stands now."""
        self.assertEqual([RoutedPorts((80, 90)).led_to("http", n, port) for n, port in ((0, 90), (1, 80))], [90, 80])
        self.assertEqual(RoutedPorts(tcp=(90,)).led_to("http", 0, 80), 80)

    def test_another_port(self) -> None:
        """A port that the container did not have is that of the entry in the same place, or the only one."""
        self.assertEqual([RoutedPorts((80, 90)).led_to("http", n, 70) for n in (0, 1, 2)], [80, 90, 70])
        self.assertEqual([RoutedPorts((80,)).led_to("http", n, 70) for n in (0, 1, 2)], [80, 80, 80])

    def test_added(self) -> None:
        """An entry of HTTP that the container had not leads to no port of it, also where it had one port for all."""
        for own in (RoutedPorts((80,), http_entries=2), RoutedPorts((80, 90), http_entries=2)):
            self.assertEqual(own.led_to("http", 2, 70), 70)
        self.assertEqual([RoutedPorts((80,), http_entries=2).led_to("http", n, 70) for n in (0, 1)], [80, 80])
        self.assertEqual(RoutedPorts(tcp=(90,), http_entries=1).led_to("tcp", 1, 70, 5), 90)

    def test_routes(self) -> None:
        """A route is known by its port, wherever it stands; one that the container had not leads to no port of it."""
        own = RoutedPorts(tcp=(5000, 6000), tcp_of=(5, 6))
        self.assertEqual([own.led_to("tcp", n, 70, of) for n, of in ((0, 6), (1, 5), (2, 7))], [6000, 5000, 70])
        self.assertEqual(RoutedPorts(tcp=(5000,), tcp_of=(5,)).led_to("tcp", 1, 9187, 9187), 9187)
        self.assertEqual(RoutedPorts(tcp=(5000,), tcp_of=(5, 6)).led_to("tcp", 1, 70, 6), 5000)
        self.assertEqual(RoutedPorts(udp=(53,), udp_of=(53,)).led_to("udp", 0, 70, 54), 70)
