"""Services on networks of the Engine that are internal, are removed, or have IPv6, on real parts."""

from __future__ import annotations

import ipaddress
import json
from functools import partial
from typing import Any

from docker import APIClient
from docker.types import IPAMConfig, IPAMPool
from twisted.trial.unittest import TestCase

from daprdockr.dns.listening.addresses import host_addresses
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, remove, sample_image, unique_subnet, until
from tests.rig.etcd_members import missing, shared

CHECK = {"Type": "tcp", "Port": "8080", "Interval": 1, "Retries": 1}


class NetworkCase(TestCase):
    """A test with one agent, not started yet."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.image = sample_image()
        self.client = APIClient(base_url=engine_url(), version="auto")
        self.addCleanup(self.client.close)
        self.agent = AgentProcess(shared().urls, engine_url())
        self.group = self.agent.group
        self.network = f"{self.group}-net"
        self.addCleanup(self.remove_network)

    def create_network(self, **fields: Any) -> None:
        """Make the network, which goes after the agent's containers."""
        self.client.create_network(self.network, driver="bridge", **fields)

    def remove_network(self) -> None:
        if self.client.networks(names=[self.network]):
            self.client.remove_network(self.network)

    def start(self) -> None:
        self.addCleanup(self.agent.close)
        self.agent.start()

    def define(self, service: str, network: str) -> str:
        """Store a definition with a health check and a route; the name of its one instance."""
        http = {"HostName": f"{service}.test", "ContainerPort": "8080"}
        container = {"Image": self.image, "NetworkMode": network}
        given = {"Name": service, "Group": self.group, "Container": container, "Http": http, "Health": CHECK}
        self.agent.command("-stdin", stdin=json.dumps(given))
        return f"{service}.{self.group}"

    def told(self, service: str) -> tuple[bool, str]:
        """Whether the instance is healthy, and the reason."""
        found = self.agent.instances(service)
        return (bool(found[0]["Healthy"]), str(found[0]["Reason"])) if found else (False, "")

    def is_well(self, service: str) -> bool:
        return self.told(service)[0]


class TroubleTests(NetworkCase):
    """Networks that keep nginx or everybody away."""

    def test_internal(self) -> None:
        """An instance that nginx cannot reach, because its network publishes nothing, is unhealthy, and says so."""
        self.create_network(internal=True)
        self.start()
        web = self.define("web", self.network)
        until(lambda: "nginx cannot reach it at 127.0.0.1:" in self.told(web)[1])
        self.assertFalse(self.told(web)[0])
        self.assertEqual(self.agent.dig(f"{web}.container"), "")

    def test_removed(self) -> None:
        """A service whose network was removed says so when its container dies, and comes back with the network."""
        self.create_network()
        self.start()
        web = self.define("web", self.network)
        until(lambda: self.agent.curl("web.test") == f"1.{web} 1\n")
        (container,) = self.agent.ids(web)
        self.client.disconnect_container_from_network(container, self.network, force=True)
        self.client.remove_network(self.network)
        self.client.kill(container)
        until(lambda: f"network {self.network} not found" in self.told(web)[1])
        self.create_network()
        until(lambda: self.told(web) == (True, ""))
        until(lambda: self.agent.curl("web.test") == f"1.{web} 1\n")


class FamilyTests(NetworkCase):
    """A network with IPv6 and the Engine's own one without, on a host that has addresses of both."""

    def setUp(self) -> None:
        super().setUp()
        subnet = ipaddress.ip_network(unique_subnet())
        self.six, self.four = str(subnet[1]), self.gateway("bridge")
        pools = [IPAMPool(subnet=str(subnet), gateway=self.six)]
        self.create_network(enable_ipv6=True, ipam=IPAMConfig(pool_configs=pools))
        # The address is there when something is on the network.
        body = {"Image": self.image, "HostConfig": {"NetworkMode": self.network}}
        first = self.client.create_container_from_config(body, f"{self.group}-first")["Id"]
        self.addCleanup(remove, self.client, first)
        self.client.start(first)
        until(lambda: {self.six, self.four} <= host_addresses())

    def gateway(self, network: str) -> str:
        """This host's own address on an IPv4 network."""
        (pool,) = self.client.inspect_network(network)["IPAM"]["Config"]
        return str(pool.get("Gateway") or ipaddress.ip_network(pool["Subnet"])[1])

    def start_at(self, *addresses: str) -> None:
        """Start the agent as that of a host with these addresses, and define a service on each network."""
        self.agent.address = ",".join(addresses)
        for address in addresses:
            self.agent.options += ("--dns", f"[{address}]:53" if ":" in address else f"{address}:53")
        self.start()
        self.old, self.new = self.define("old", "bridge"), self.define("new", self.network)
        for service in (self.old, self.new):
            until(partial(self.is_well, service))

    def resolvers(self, service: str) -> list[str]:
        (container,) = self.agent.ids(service)
        return list(self.client.inspect_container(container)["HostConfig"]["Dns"] or ())

    def looked_up(self, service: str, name: str) -> str:
        """The output of ``nslookup`` for a name, run in the service's container."""
        (container,) = self.agent.ids(service)
        command = self.client.exec_create(container, ["nslookup", name])["Id"]
        return str(self.client.exec_start(command).decode())

    def test_both(self) -> None:
        """Each container gets the resolvers that it can reach, they answer, and HTTP is published on both addresses."""
        self.start_at(self.six, self.four)
        self.assertEqual(self.resolvers(self.old), [self.four])
        self.assertEqual(self.resolvers(self.new), [self.six, self.four])
        for service in (self.old, self.new):
            for name in (self.old, self.new):
                self.assertIn(self.four, self.looked_up(service, f"{name}.container").partition("Name:")[2])
            (port,) = [one["Host"] for one in self.agent.instances(service)[0]["Ports"]]
            for host in (self.four, f"[{self.six}]"):
                self.assertEqual(self.agent.curl("", f"http://{host}:{port}/"), f"1.{service} 1\n")

    def test_six_alone(self) -> None:
        """Where a container can reach no resolver of this node it gets none, and that is said."""
        self.start_at(self.six)
        self.assertEqual((self.resolvers(self.old), self.resolvers(self.new)), ([], [self.six]))
        self.assertIn(self.six, self.looked_up(self.new, f"{self.old}.container").partition("Name:")[2])
        self.assertIn("cannot ask this node's DNS, which has IPv6 alone", self.agent.command("status"))
        self.assertEqual(self.told(self.new), (True, ""))
