"""
A node under a flood of DNS packets does the rest of its work: it keeps its lease, and carries out what is asked of it.

Note [What a flood may cost]
    The flooder sends several times what one core can answer, and the kernel drops what does not fit into the socket's
    buffer, of whosoever it is. So a client's single datagram is answered by chance; that some are, in each few seconds,
    is all that a server can promise here. TCP has a queue of its own and is answered.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import time

from attrs import frozen
from docker import APIClient
from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from tests.rig.agent_case import HTTP
from tests.rig.agent_process import AgentProcess
from tests.rig.dns.flooder import Told
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import missing, shared

SECONDS = 60
SEED = 4
TTL = 6
"""Seconds of the lease, as it is without ``--lease-ttl``."""
KIBIBYTES = 60 * 1024
"""How much the agent may grow, at its highest."""

AN_ERROR = re.compile(r"^(\S+) \[[^\]]*#(?:error|critical)\]", re.MULTILINE)
"""A line of the log; its group is the second it was written in."""


class FloodedAgent(AgentProcess):
    """An agent that is observed from outside while its UDP socket is flooded."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def dig_tcp(self, name: str, kind: str = "A") -> list[str]:
        """The short answer over TCP."""
        return sorted(self._dig(name, kind, "+short", "+tcp").splitlines())

    def memory(self, field: str) -> int:
        """A field of proc(5)'s ``status`` in KiB: ``VmRSS`` now, ``VmHWM`` at its highest."""
        found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def forget_highest(self) -> None:
        """Let ``VmHWM`` begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def dropped(self) -> int:
        """The datagrams to the DNS port that the kernel dropped, because the agent did not read them in time."""
        rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
        return sum(int(row[-1]) for row in rows if row[1].endswith(f":{self.dns_port:04X}"))


class Flood:
    """The flooder, in a process of its own, for as long as ``SECONDS``."""

    def __init__(self, port: int, service: str) -> None:
        command = [sys.executable, "-m", "tests.rig.dns.flooder", "127.0.0.1", str(port)]
        command += ["--service", f"{service}.container", "--seconds", str(SECONDS), "--seed", str(SEED)]
        checkout = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True)

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def told(self) -> Told:
        """The figures that it prints at its end; this waits for that."""
        out, _ = self._process.communicate(timeout=2 * SECONDS)
        assert self._process.returncode == 0
        return Told(**json.loads(out))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@frozen
class Kept:
    """The state that must be the same before and after: the node's record with its lease, its claims and containers."""

    node: tuple[int, int]
    claims: dict[str, tuple[int, int]]
    starts: dict[str, str]


class FloodTests(TestCase):
    """One agent over three members of etcd, a Docker Engine and nginx; upstreams that never answer."""

    timeout = 400
    skip = missing()

    def setUp(self) -> None:
        sample_image()
        self.began = int(time())
        self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.upstream.close)
        self.upstream.bind(("127.0.0.1", 0))
        silent = f"127.0.0.1:{self.upstream.getsockname()[1]}"
        self.agent = FloodedAgent(shared().urls, engine_url(), "--dns-upstream", silent)
        self.addCleanup(self.agent.close)
        self.engine = APIClient(base_url=self.agent.engine, version="auto")
        self.addCleanup(self.engine.close)
        self.web = f"web.{self.agent.group}"
        self.agent.start(TTL)
        self.agent.define(self.web, 3, sample_image(), Http=HTTP)
        self.assert_agreed(3)

    def test_scaled(self) -> None:
        """
        It scales from 3 to 10 to 3 while it is flooded: names, routes and containers follow, its lease and the
        containers that stay are the same ones, it answers on, its memory is bounded, and its log is quiet.
        """
        before, logged = self.kept(), len(self.agent.log)
        resident = self.agent.memory("VmRSS")
        self.agent.forget_highest()
        flood = Flood(self.agent.dns_port, self.web)
        self.addCleanup(flood.close)
        for count in (10, 3):
            self.agent.command("-svc", self.web, "-set", "-instances", str(count))
            self.assert_agreed(count)
            self.assertFalse(flood.is_over, f"{count} instances were not there before the flood was over")
        told = flood.told()
        dropped, grown, log = self.agent.dropped(), self.agent.memory("VmHWM") - resident, self.agent.log[logged:]
        print(
            f"\n  {told.rate:,.0f} packets/s sent, {(told.sent - dropped) / told.seconds:,.0f}/s read; "
            f"{told.answered} of {told.asked} questions answered, median {told.median_ms} ms, p99 {told.p99_ms} ms; "
            f"memory {resident // 1024} + {grown // 1024} MiB"
        )

        self.assertEqual(self.kept(), before)
        self.assertEqual(self.events(), {"start": 10, "die": 7})
        self.assertGreater(dropped, told.sent // 2, "the flood was no flood")
        self.assertEqual([], [window for window in told.windows if not window], told.windows)
        self.assertLess(grown, KIBIBYTES)
        self.assert_quiet(log)
        until(self.agent.is_well)

    def assert_agreed(self, count: int) -> None:
        """Containers, names and routes are those of so many instances."""
        self.agent.command("wait", self.web, "-timeout", str(SECONDS))
        everyone = [f"{number}.{self.web}" for number in range(1, count + 1)]
        until(lambda: len(self.agent.containers()) == count)
        until(lambda: self.targets() == sorted(f"{instance}.container." for instance in everyone))
        until(lambda: self.agent.served_by("demo.test", 2 * count) == {f"{instance} 1" for instance in everyone})

    def targets(self) -> list[str]:
        """The instances that DNS names as those of the service's port."""
        return sorted(line.split()[3] for line in self.agent.dig_tcp(f"8080.tcp.{self.web}.container", "SRV"))

    def kept(self) -> Kept:
        with closing(EtcdStore(shared().access)) as store:
            (node,) = store.list(f"/{self.agent.group}/nodes/").entries
            claims = store.list(f"/{self.agent.group}/instances/").entries
        return Kept(
            (node.create_revision, node.lease),
            {claim.key: (claim.create_revision, claim.lease) for claim in claims},
            {id: self.engine.inspect_container(id)["State"]["StartedAt"] for id in self.agent.ids(self.web)},
        )

    def events(self) -> Counter[str]:
        """How often the Engine started a container of this node, and saw one end."""
        filters = {"type": "container", "event": ["start", "die"], "label": f"io.daprdockr.node={self.agent.node}"}
        events = self.engine.events(since=self.began, until=int(time()) + 1, filters=filters, decode=True)
        return Counter(event["Action"] for event in events)

    def assert_quiet(self, log: str) -> None:
        """No traceback, at most one error in any second, and no line for a packet."""
        self.assertNotIn("Traceback", log)
        each_second = Counter(AN_ERROR.findall(log))
        self.assertEqual({}, {second: count for second, count in each_second.items() if count > 1}, log[-5000:])
        self.assertLess(len(log.splitlines()), 10 * SECONDS, log[-5000:])
