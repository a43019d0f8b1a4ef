"""TCP and UDP routes of an agent on real parts: containers behind them, and what survives the agent."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.build.ports import free_port
from tests.rig.agent_case import AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.dns.knot import missing
from tests.rig.docker_engine import engine_url, sample_image, until

CONFIGURATION = """
server:
    rundir: "/tmp"
    listen: 0.0.0.0@5300
log:
  - target: stderr
    any: warning
database:
    storage: "/tmp"
zone:
  - domain: example.test
    storage: "/zone"
    file: zone
    zonefile-sync: -1
    journal-content: none
"""
ZONE = "@ 60 SOA ns host 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.1\nwww 60 A 192.0.2.7\n"
SYSTEM = ("/usr", "/lib", "/lib64")


class PortRouteTests(AgentTestCase):
    """One agent."""

    started = False

    def answer(self, port: int) -> str:
        return self.agent.curl("", f"http://127.0.0.1:{port}/").strip()

    def events(self, service: str) -> list[str]:
        found = json.loads(self.agent.command("events", "-o", "json"))
        return [event["Text"] for event in found if event["Subject"] == service]

    def test_tcp(self) -> None:
        """
        A TCP port leads to the instances of its service, also while there is no agent; one that is taken is an event;
        with the definition the port goes.
        """
        port, taken, service = free_port(), free_port(), f"db.{self.agent.group}"
        routes = [{"Port": number, "ContainerPort": "8080"} for number in (port, taken)]
        with socket.create_server(("", taken)):
            self.agent.start(ttl=20)  # the claims outlive the restart below on a slow machine, too
            self.agent.define(service, 2, sample_image(), Tcp=routes)
            expected = {f"{number}.{service} 1" for number in (1, 2)}
            found: set[str] = set()

            def all_answered() -> bool:
                found.update({self.answer(port)} - {""})
                return found == expected

            until(all_answered)
            text = f"port {taken}/tcp is not served on this node at 127.0.0.1:{taken}: another program holds it"
            until(lambda: text in self.events(service))
        self.agent.kill()
        self.assertIn(self.answer(port), expected)
        self.agent.start()
        self.assertIn(self.answer(port), expected)
        self.agent.command("-svc", service, "-del")
        until(lambda: self.answer(port) == "")

    def test_udp(self) -> None:
        """A DNS server in a container answers over a UDP route."""
        if (reason := missing()) is not None:
            raise self.skipTest(reason)
        self.agent = AgentProcess(self.agent.etcd, engine_url(), "--allow", "binds")
        self.addCleanup(self.agent.close)
        self.agent.start()
        zone = self.agent.home / "zone"
        zone.mkdir(mode=0o755)
        self.agent.home.chmod(0o755)
        (zone / "zone").write_text(ZONE)
        (zone / "knot.conf").write_text(CONFIGURATION)
        port = free_port()
        binds = [f"{path}:{path}:ro" for path in SYSTEM if Path(path).exists()]
        container: dict[str, Any] = {
            "Image": sample_image(),
            "Cmd": ["/usr/sbin/knotd", "--config", "/zone/knot.conf"],
            "Binds": [*binds, f"{zone}:/zone:ro"],
        }
        name = f"names.{self.agent.group}"
        udp = [{"Port": port, "ContainerPort": "5300"}]
        self.agent.define(name, 1, sample_image(), Container=container, Udp=udp)
        dig = ["dig", "@127.0.0.1", "-p", str(port), "www.example.test", "+short", "+tries=1", "+time=2"]

        def answered() -> bool:
            return subprocess.run(dig, capture_output=True, text=True, check=False).stdout == "192.0.2.7\n"

        until(answered)
