"""Ports that routes cannot have on a node, and ports that containers leave to routes."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.model.host import Port, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.wiring.held_ports import held_ports, not_to_fix, ports_of_routes
from tests.build.settings import settings
from tests.build.situations import container
from tests.build.values import API, KEYS, WEB, definition, fixing, named


class HeldPortsTests(SynchronousTestCase):
    def test_own(self) -> None:
        """The agent's own listeners and the ports of etcd are no routes, each with its option."""
        chosen = settings(
            "a",
            Path("/nonexistent"),
            etcd=Access.parse("http://127.0.0.1:5001,http://10.0.0.2:5002"),
            dns=(("0.0.0.0", 53),),
            http=(("0.0.0.0", 80), ("10.0.0.1", 8080)),
            https=(("0.0.0.0", 443),),
            api=("127.0.0.1", 5080),
            peer=("10.0.0.1", 5081),
        )
        held = held_ports(chosen, ())
        tcp = {port: text.rpartition(" ")[2] for (protocol, port), text in held.items() if protocol == "tcp"}
        expected = {5001: "--etcd", 5002: "--etcd", 53: "--dns", 80: "--http", 8080: "--http", 443: "--https"}
        self.assertEqual(tcp, {**expected, 5080: "--api", 5081: "--peer"})
        self.assertEqual([key for key in held if key[0] == "udp"], [("udp", 53)])

    def test_member(self) -> None:
        """In a cluster of ours no route and no definition takes the port by which members of etcd reach each other."""
        chosen = settings("a", Path("/nonexistent"), etcd=Access.parse("http://10.0.0.1:2379"), founded=True)
        for found in (held_ports(chosen, ()), not_to_fix(chosen, {})):
            self.assertEqual(found[("tcp", 2380)], "the members of etcd speak to each other there")
            self.assertEqual(found[("tcp", 2379)], "it is in use for --etcd")

    def test_host_ports(self) -> None:
        """A port that a container here published is no route's, even if it ended: it starts again with its ports."""
        runs = container("c1", ports=(Port(80, "tcp", 20_001), Port(81, "udp", 20_002), Port(82, "tcp", 0)))
        ended = container("c2", number=2, status=Status.EXITED, ports=(Port(80, "tcp", 20_003),))
        held = held_ports(settings("a", Path("/nonexistent"), etcd=Access.parse("http://127.0.0.1:1")), (runs, ended))
        first, second = ("it is a host port of 1.web.myapp", "it is a host port of 2.web.myapp")
        expected = {("tcp", 20_001): first, ("udp", 20_002): first, ("tcp", 20_003): second}
        self.assertEqual(held, {**expected, ("tcp", 1): "it is in use for --etcd"})

    def test_ports_of_routes(self) -> None:
        """The ports of all TCP and UDP routes of the cluster are left to them."""
        cluster = Cluster(KEYS)
        tcp, udp = [{"Port": 20_001, "ContainerPort": 1}], [{"Port": 20_002, "ContainerPort": 1}]
        value = json.dumps(definition(Tcp=tcp, Udp=udp).write()).encode()
        cluster.apply(Batch(1, 1, (Entry(KEYS.service(WEB), value, 1, 1, 0),)))
        self.assertEqual(ports_of_routes(cluster), {("tcp", 20_001): "web.myapp", ("udp", 20_002): "web.myapp"})

    def test_not_to_fix(self) -> None:
        """No definition fixes a port of a route or of this agent; ports fixed by another are counted in placement."""
        chosen = settings("a", Path("/nonexistent"), etcd=Access.parse("http://127.0.0.1:1"))
        found = not_to_fix(chosen, {("tcp", 5432): "api.myapp", ("udp", 53): ""})
        reasons = {("tcp", 5432): "it is the port of a route of api.myapp", ("tcp", 1): "it is in use for --etcd"}
        self.assertEqual(found, reasons)

    def test_fixed_ports(self) -> None:
        """Host ports that definitions fix are kept for these; one that an older service has as a route stays that."""
        for created, route in ((1, "api.myapp"), (9, "")):
            cluster = Cluster(KEYS)
            other = named("api", Tcp=[{"Port": 5432, "ContainerPort": 1}])
            fixed = definition(Container=fixing(5432))
            entries = (
                Entry(KEYS.service(API), other.encode(), created, created, 0),
                Entry(KEYS.service(WEB), fixed.encode(), 5, 5, 0),
            )
            cluster.apply(Batch(1, 9, entries))
            self.assertEqual(ports_of_routes(cluster), {("tcp", 5432): route})
