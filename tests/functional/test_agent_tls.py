"""HTTPS on real parts: certificates from the command line and from files, on every node, and without etcd."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from daprdockr.model.stored.certificate import CertificatePair
from tests.build.pairs import self_signed
from tests.build.ports import free_port
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import sample_image, until
from tests.rig.etcd_members import shared

MEMORY = Path("/dev/shm")
NAME, GIVEN, UNKNOWN = "demo.test", "given.test", "unknown.test"
NOWHERE = "http://127.0.0.1:1"


class TlsTests(AgentTestCase):
    """Two nodes with the cluster key, one of them with certificates in files, too."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        self.key = self.agent.home / "cluster.key"
        self.agent.command("secret", "key", str(self.key))
        self.folder = Path(tempfile.mkdtemp(prefix="tls-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.other = AgentProcess(shared().urls, self.agent.engine, prefix=self.agent.group, node="b")
        self.addCleanup(self.other.close)
        self.ports: dict[str, int] = {}
        self.memory: dict[str, Path] = {}
        for agent, more in ((self.agent, ("--certificates", str(self.folder))), (self.other, ())):
            self.prepare(agent, *more)
            agent.start()

    def prepare(self, agent: AgentProcess, *more: str) -> None:
        memory = Path(tempfile.mkdtemp(prefix="daprdockr-test-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, memory, True)
        self.memory[agent.node], self.ports[agent.node] = memory, free_port()
        port = f"127.0.0.1:{self.ports[agent.node]}"
        agent.options = ("--cluster-key", str(self.key), "--memory-dir", str(memory), "--https", port, *more)

    def write(self, name: str, pair: CertificatePair) -> tuple[str, str]:
        chain, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        chain.write_text(pair.chain)
        key.write_text(pair.key)
        return str(chain), str(key)

    def shown(self, agent: AgentProcess, name: str = NAME) -> str:
        """The certificate that a client gets."""
        place = f"127.0.0.1:{self.ports[agent.node]}"
        command = ["openssl", "s_client", "-connect", place, "-servername", name]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
        begin, end = (f"-----{word} CERTIFICATE-----" for word in ("BEGIN", "END"))
        found = done.stdout.decode("utf-8", "replace").partition(begin)[2].partition(end)[0]
        return f"{begin}{found}{end}\n" if found else ""

    def reports(self, agent: AgentProcess) -> list[str]:
        """The events about the broken pair; a node that saw one half of it before the other says that, too."""
        events = json.loads(agent.command("events", "-o", "json"))
        told = [str(event["Text"]) for event in events if event["Subject"] == "certificate broken.test"]
        return [text for text in told if "the key does not belong" in text]

    def nginx_pids(self, agent: AgentProcess) -> set[int]:
        found = set()
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                content = line.read_bytes()
            except OSError:
                continue
            if b"nginx: master" in content and str(agent.state).encode() in content:
                found.add(int(line.parent.name))
        return found

    def test_path(self) -> None:
        """
        A stored certificate is served by all nodes, replaced without a new nginx, and served after a reboot without
        etcd; one of a file is served by its node, and a broken one is reported once and disables nothing. No state
        directory has a key.
        """
        agent, other = self.agent, self.other
        first, second, given = self_signed((NAME,)), self_signed((NAME,)), self_signed((GIVEN,))
        agent.command("certificates", "add", *self.write("stored", first))
        for name in ("stored.crt", "stored.key"):
            (self.folder / name).unlink()
        until(lambda: self.shown(agent) == self.shown(other) == first.chain)
        self.write(GIVEN, given)
        self.write("broken.test", CertificatePair(first.chain, given.key))
        until(lambda: self.shown(agent, GIVEN) == given.chain)
        self.assertNotIn(self.shown(agent, UNKNOWN), ("", first.chain, given.chain))
        until(lambda: "the key does not belong" in agent.command("certificates"))
        self.assertRegex(agent.command("certificates"), rf"{GIVEN} +file +\d+ .*{agent.node}")
        until(lambda: bool(self.reports(agent)))  # an event is stored in its own time
        self.assertEqual(len(self.reports(agent)), 1)

        agent.define(self.web, 1, sample_image(), Http={**HTTP, "Tls": "require"})
        until(lambda: self.served(agent) == self.served(other) == "1")
        self.assertIn("308", agent.curl(NAME, f"http://127.0.0.1:{agent.http_port}/"))

        before = self.nginx_pids(agent), self.nginx_pids(other)
        agent.command("certificates", "add", *self.write("stored", second))
        until(lambda: self.shown(agent) == self.shown(other) == second.chain)
        self.assertEqual((self.nginx_pids(agent), self.nginx_pids(other)), before)

        self.reboot(other)
        self.assertEqual(self.shown(other), second.chain)
        for one in (agent, other):
            self.check_no_key(one, first, second, given)

    def served(self, agent: AgentProcess) -> str:
        """The instance that answers over TLS."""
        port = self.ports[agent.node]
        command = ["curl", "-sk", "-m", "5", "--resolve", f"{NAME}:{port}:127.0.0.1", f"https://{NAME}:{port}/"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()[:1]

    def reboot(self, agent: AgentProcess) -> None:
        """Start it anew as after a reboot, while there is no etcd: no process and no memory is left."""
        agent.kill()
        for pid in self.nginx_pids(agent):
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(self.memory[agent.node])
        self.memory[agent.node].mkdir()
        agent.etcd = NOWHERE
        agent.spawn()
        until(lambda: bool(self.shown(agent)))
        until(lambda: self.shown(agent) != "" and "daprdockr" not in self.subject(agent))

    def subject(self, agent: AgentProcess) -> str:
        words = ["openssl", "x509", "-noout", "-subject"]
        done = subprocess.run(words, input=self.shown(agent), capture_output=True, text=True, timeout=20, check=False)
        return done.stdout

    def check_no_key(self, agent: AgentProcess, *pairs: CertificatePair) -> None:
        files = [path.read_bytes() for path in agent.state.rglob("*") if path.is_file()]
        self.assertTrue(files)
        for pair in pairs:
            secret = pair.key.splitlines()[1].encode()
            self.assertFalse([content for content in files if secret in content])
            self.assertNotIn(secret.decode(), agent.log)
