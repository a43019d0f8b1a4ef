"""Names and routes lead to every instance, from every host and from within containers."""

from __future__ import annotations

import json
import sys

from tests.rig.cluster.case import COUNT, WEB, ClusterTestCase
from tests.rig.cluster.host import AGENT, NGINX, RELAY, Host


class ServingTests(ClusterTestCase):
    """Names, routes and containers of three hosts."""

    def test_any_host_serves(self) -> None:
        """
        Each host's DNS names all hosts, and each instance at the address of the host that runs it; each host's nginx
        reaches every instance; and a container does on any host, by the DNS of its own and the host port.
        """
        self.until_serving()
        self.until_named()
        for host in self.cluster.hosts:
            self.ask_within(host)

    def until_named(self) -> None:
        """Wait until each host names each instance: what etcd has, a node knows a moment later."""
        addresses = {host.name: host.address for host in self.cluster.hosts}
        expected = {instance: addresses[claim["Node"]] for instance, claim in self.cluster.claims(WEB).items()}
        self.assertEqual(len(expected), COUNT)
        for host in self.cluster.hosts:

            def are_named(host: Host = host) -> bool:
                return {instance: host.asked.dig(f"{instance}.container") for instance in expected} == expected

            self.cluster.until(are_named, f"{host.name} names each instance at its host's address")

    def ask_within(self, host: Host) -> None:
        """Have a container of this host resolve and reach an instance on each host."""
        claims = self.cluster.claims(WEB)
        inside = next(iter(host.running().values()))
        for other in self.cluster.hosts:
            there, claim = next((name, claim) for name, claim in claims.items() if claim["Node"] == other.name)
            answer = host.exec(inside, "nslookup", f"{there}.container")
            self.assertIn(f"Server:\t\t{host.address}", answer)
            self.assertIn(f"Address: {other.address}", answer)
            url = f"http://{there}.container:{claim['Ports'][0]['Host']}/"
            self.assertEqual(host.exec(inside, "wget", "-q", "-O", "-", url), f"{there} 1\n")

    def test_tcp_route(self) -> None:
        """
        A port of the service's own name leads to every instance, from a container on any host, also to a node that has
        no instance; a node without its relay for a moment has it back.
        """
        database = "db.myapp"
        self.cluster.define(database, 2, Http=None, Tcp=[{"Port": 5432, "ContainerPort": "8080"}])
        self.cluster.until_settled(database, 2)
        expected = {f"{number}.{database} 1" for number in (1, 2)}
        first = self.cluster.host(1)
        self.cluster.until(lambda: first.runs(RELAY), "a relay runs")
        first.kill(RELAY)
        for host in self.cluster.hosts:
            inside = next(one for name, one in host.running().items() if name.endswith(WEB))
            self.until_answered(host, inside, f"{database}.container", expected)
            self.until_answered(host, inside, host.address, expected, most=1)

    def until_answered(self, host: Host, inside: str, target: str, expected: set[str], most: int = 2) -> None:
        """Wait until so many of these have answered a container; an address alone leads to the nearest."""
        found: set[str] = set()

        def have_answered() -> bool:
            found.add(host.exec(inside, "wget", "-q", "-O", "-", f"http://{target}:5432/").strip())
            return len(found & expected) >= most

        self.cluster.until(have_answered, f"{most} of {sorted(expected)} answer at {target} on {host.name}")

    def test_ailing(self) -> None:
        """Any host says that DNS is not served on another one, which takes instances nevertheless; then no more."""
        host = self.cluster.host(2)
        self.cluster.until(lambda: host.asked.dig(f"1.{WEB}.container") != "", f"{host.name} answers DNS")
        host.end(AGENT)
        program = f"import socket, time; s = socket.create_server(('{host.address}', 53)); time.sleep(120)"
        command = [sys.executable, "-c", program]
        host.machine.spawn(command, host.directory / "holder.log")
        holder = " ".join(command)
        self.addCleanup(host.machine.kill, holder)
        self.cluster.until(lambda: bool(host.machine.pids(holder)), "another program has the port")
        self.cluster.start_agent(host)
        told = f"node {host.name}: DNS is not served at {host.address}:53"
        self.cluster.until(lambda: told in self.cluster.command("status"), "status says it")
        (row,) = (row for row in json.loads(self.cluster.command("nodes", "-o", "json")) if row["Node"] == host.name)
        self.assertEqual((row["Ready"], list(row["Ailing"])), (True, ["dns"]))
        other = self.cluster.host(1).machine
        self.cluster.until(
            lambda: "ready, in trouble" in other.run("curl", "-s", "http://127.0.0.1:5080/"), "the page says it"
        )
        host.machine.kill(holder)
        self.cluster.until(lambda: told not in self.cluster.command("status"), "status says it no more")

    def test_parts_killed(self) -> None:
        """nginx and a container of a host die: all of it serves again, and nothing has moved."""
        host = self.cluster.host(2)
        instance, container = next(iter(host.running().items()))
        host.kill(NGINX)
        host.kill_container(container)
        self.cluster.until(lambda: host.runs(NGINX), "nginx runs again")
        self.cluster.until(lambda: container in host.starts(), "the container runs again")
        self.until_settled()
        self.until_serving()
        self.assertEqual(sorted(self.cluster.starts()), sorted(self.starts))
        self.assertEqual(host.running()[instance], container)
        self.assertEqual(len(host.running()), COUNT // 3)
