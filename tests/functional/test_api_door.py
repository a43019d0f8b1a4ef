"""The API port of a real agent, under load that nobody should send: the agent stays as small and as well as it was."""

from __future__ import annotations

import contextlib
import socket

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, until
from tests.rig.etcd_members import missing, shared

CHUNK, CHUNKS = b"a=b&" * 16384, 4096
"""A form of 256 MiB, of which twisted.web would make a dictionary."""


class ApiDoorTests(TestCase):
    timeout = 120
    skip = missing()

    def setUp(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.agent.start(ttl=6)  # with less a busy machine alone makes beats late

    def test_large_form(self) -> None:
        """A large form, beside clients that say nothing, costs no memory, no file and no beat."""
        idle = [self.connected() for _ in range(100)]
        before = self.agent.resident()
        head = "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        with self.connected() as client, contextlib.suppress(OSError):
            client.sendall(f"{head}Content-Length: {len(CHUNK) * CHUNKS}\r\n\r\n".encode())
            for _ in range(CHUNKS):
                client.sendall(CHUNK)
            client.recv(1)
        self.assertTrue(self.agent.is_well())
        self.assertLess(self.agent.resident() - before, 16 << 20)
        for warning in ("no heartbeat", "trouble with etcd", "has ended", "Traceback"):
            self.assertNotIn(warning, self.agent.log)
        for client in idle:
            client.close()

    def test_metrics(self) -> None:
        """The counts of the agent and of nginx can be scraped; a page of another name reads nothing."""
        self.agent.dig("nothing.container", "A")
        url = f"http://127.0.0.1:{self.agent.api_port}/metrics"
        until(lambda: "daprdockr_http_held_requests_total" in self.agent.curl("", url))  # nginx may still be starting
        found = self.agent.curl("", url)
        for line in (
            'daprdockr_dns_replies_total{result="nxdomain",type="A"} 1.0',
            'daprdockr_loop_healthy{loop="nginx"} 1.0',
            "daprdockr_http_held_requests_total 0.0",
            'daprdockr_call_duration_seconds_count{pool="heartbeat"}',
        ):
            self.assertIn(f"\n{line}", found)
        status = self.agent.curl("", url.replace("metrics", "api/status"))
        self.assertIn(f'"Node":"{self.agent.node}","InTouch":true', status)
        self.assertIn("ask for localhost", self.agent.curl("evil.example", url))

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.agent.api_port), timeout=5)
