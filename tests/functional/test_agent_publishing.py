"""Which ports of a container an agent publishes, and on which addresses and ports of the host, on real parts."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from docker import APIClient
from docker.errors import NotFound

from daprdockr.agent.host.ports import choose_ports
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from tests.build.ports import free_port
from tests.rig.agent_case import AgentTestCase
from tests.rig.docker_engine import engine_url, remove, sample_image

HTTP = {"ContainerPort": "8080", "HostName": "ports.test"}


class PublishingTests(AgentTestCase):
    """One agent; its image may expose what a test says."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        client = self.enterContext(closing(APIClient(base_url=engine_url(), version="auto")))
        assert isinstance(client, APIClient)
        self.client = client

    def expose(self, tag: str, ports: Iterable[str]) -> str:
        """The sample image with other ports exposed, under a tag of its own."""
        reference = f"{self.agent.group}/exposing:{tag}"
        made = self.client.create_container(sample_image())["Id"]
        config: dict[str, Any] = {"ExposedPorts": {port: {} for port in ports}}
        self.client.commit(made, repository=f"{self.agent.group}/exposing", tag=tag, conf=config)
        remove(self.client, made)
        return reference

    def bindings(self) -> dict[str, dict[str, Any]]:
        """By instance that runs: container port and protocol, and what they are bound to."""
        there = {one["Id"]: one["Labels"]["io.daprdockr.instance"] for one in self.agent.containers()}
        found = {}
        for container, name in there.items():
            with contextlib.suppress(NotFound):  # that of a former definition goes just now
                seen = self.client.inspect_container(container)
                if seen["State"]["Running"]:
                    found[name] = seen["NetworkSettings"]["Ports"]
        return found

    def test_many_exposed(self) -> None:
        """Of an image's 40 ports 16 are published beside the named one, on the node's address; an event says so."""
        image = self.expose("many", [f"{9000 + number}/tcp" for number in range(40)])
        self.addCleanup(self.client.remove_image, image, force=True)
        self.agent.start()
        self.agent.define(self.web, 1, image, Http=HTTP)
        ((_, ports),) = self.bindings().items()
        bound = {key: value for key, value in ports.items() if value}
        self.assertEqual(sorted(bound), ["8080/tcp", *(f"{9000 + number}/tcp" for number in range(16))])
        self.assertEqual({one["HostIp"] for value in bound.values() for one in value}, {"127.0.0.1"})
        events = json.loads(self.agent.command("events", "-o", "json"))
        told = [event["Text"] for event in events if event["Subject"] == image]
        self.assertEqual(len(told), 1, events)
        self.assertIn("name those that you need in Container.ExposedPorts", told[0])

    def test_fixed(self) -> None:
        """A host port that the definition fixes is bound, also by the container of the next definition."""
        number = str(free_port())
        self.agent.start()
        for value in ("1", "2"):
            container: dict[str, Any] = {"Image": sample_image(), "Env": [f"A={value}"]}
            container["PortBindings"] = {"8080/tcp": [{"HostPort": number}]}
            self.agent.define(self.web, 1, "", Container=container)
            ((_, ports),) = self.bindings().items()
            self.assertEqual(ports["8080/tcp"], [{"HostIp": "127.0.0.1", "HostPort": number}])
        self.assertNotIn("is not free", self.agent.log)

    def test_built_anew(self) -> None:
        """An image built anew under its tag counts as it is for instances that are created later."""
        image = self.expose("anew", ["9000/tcp"])
        self.agent.start()
        self.agent.define(self.web, 1, image)
        self.expose("anew", ["9001-9002/tcp", "53/UDP"])
        self.addCleanup(self.client.remove_image, image, force=True)
        self.agent.define(self.web, 2, image)
        published = {
            name[0]: sorted(key for key, value in ports.items() if value) for name, ports in self.bindings().items()
        }
        self.assertEqual(published["1"], ["8080/tcp", "9000/tcp"])
        self.assertLessEqual({"9001/tcp", "9002/tcp", "53/udp"}, set(published["2"]))
        self.assertNotIn("Traceback", self.agent.log)

    def test_taken_on_ipv6(self) -> None:
        """A host port that only ``::1`` holds is left to its holder where ports are published on all addresses."""
        name, group = self.web.split(".")
        first = InstanceName(ServiceName(name, group), 1)
        (port,) = choose_ports(first, (Port(8080),), set(), lambda *_: True)
        with closing(socket.socket(socket.AF_INET6)) as holder:
            holder.bind(("::1", port.host))
            holder.listen()
            self.agent.address = "192.0.2.1"
            self.agent.start()
            self.agent.define(self.web, 1, sample_image())
            ((_, ports),) = self.bindings().items()
        self.assertNotEqual({one["HostPort"] for one in ports["8080/tcp"]}, {str(port.host)})
        self.assertNotIn("is taken", self.agent.log)
