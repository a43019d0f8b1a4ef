"""
``scripts/etcd-certificates`` and the walk-through of three nodes in docs/guide/installing.rst, as it is written there:
its commands start three members of etcd, which take an agent with its certificate and nobody without one.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.access import ETCD_PARAMETERS, read_access
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdError
from tests.build.ports import free_port
from tests.rig.docker_engine import until

CHECKOUT = Path(__file__).parents[2]
SCRIPT = CHECKOUT / "scripts/etcd-certificates"
TLS = "/etc/daprdockr/tls"


def walk_through() -> str:
    """The commands of the guide for three nodes, each on one line."""
    text = (CHECKOUT / "docs/guide/installing.rst").read_text()
    return text[text.index("\nThree nodes with an etcd of your own\n") :].replace("\\\n", " ")


def make(directory: Path, *hosts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), str(directory), *hosts], capture_output=True, text=True, timeout=60, check=False
    )


class WalkThroughTests(SynchronousTestCase):
    """The steps of the guide, on 127.0.0.1 to 127.0.0.3 in the place of 10.0.0.1 to 10.0.0.3."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="walk-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.home)], check=True)
        self.ports = {"2379": str(free_port()), "2380": str(free_port())}

    def here(self, text: str, host: str = "host1") -> str:
        """The text for one of the hosts, on this machine."""
        text = re.sub(r"10\.0\.0\.([123])", r"127.0.0.\1", text)
        for port, ours in self.ports.items():
            text = text.replace(f":{port}", f":{ours}")
        text = text.replace(TLS, str(self.home / "certificates" / host))
        return text.replace(" certificates host1", f" {self.home}/certificates host1")

    def member(self, number: int) -> None:
        """Start a member by the command that stands there, with its own name and address."""
        (command,) = re.findall(r"^ +(etcd .*)$", walk_through(), re.MULTILINE)
        own = re.sub(r"(--(?:listen|advertise|initial-advertise)\S+ https://10\.0\.0\.)1", rf"\g<1>{number}", command)
        own = own.replace("--name host1", f"--name host{number}")
        words = shlex.split(self.here(own, f"host{number}"))
        words[words.index("--data-dir") + 1] = str(self.home / f"data{number}")
        process = subprocess.Popen([*words, "--logger=zap", "--log-level=error"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def store(self, folder: str, name: str) -> EtcdStore:
        """etcd as who sets the environment that stands there reaches it."""
        lines = re.findall(r"^ +export (.*)$", walk_through(), re.MULTILINE)
        given = dict(word.split("=", 1) for line in lines for word in shlex.split(self.here(line, folder)))
        given = {variable: path.replace("agent.", f"{name}.") for variable, path in given.items()}
        access = read_access({row.name: given[row.variable] for row in ETCD_PARAMETERS if row.variable in given})
        store = EtcdStore(access, timeout=5)
        self.addCleanup(store.close)
        return store

    def curl(self, port: str, name: str = "") -> str:
        """The answer of host1 to a client that shows its certificate of this name, or none; "" without an answer."""
        tls = self.home / "certificates/host1"
        shown = ["--cert", f"{tls}/{name}.pem", "--key", f"{tls}/{name}.key"] if name else []
        url = f"https://127.0.0.1:{self.ports[port]}/version"
        command = ["curl", "-s", "-m", "5", "--cacert", f"{tls}/ca.pem", *shown, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def test_three_members(self) -> None:
        """Agent and operator get in; without a certificate, or with one for the port of members, nobody does."""
        (command,) = re.findall(r"^ +(scripts/etcd-certificates .*)$", walk_through(), re.MULTILINE)
        subprocess.run(shlex.split(self.here(command)), cwd=CHECKOUT, check=True, capture_output=True, timeout=60)
        for number in (1, 2, 3):
            self.member(number)
        agent = self.store("host2", "agent")

        def written() -> bool:
            try:
                return agent.put("/daprdockr/x", b"1") > 0
            except EtcdError:
                return False

        until(written)
        entry = self.store("operator", "operator").get("/daprdockr/x")
        self.assertEqual(entry.value if entry else None, b"1")
        self.assertIn("etcdserver", self.curl("2379", "agent"))
        self.assertEqual(self.curl("2379"), "")
        for name in ("", "agent"):
            self.assertEqual(self.curl("2380", name), "", f"the port of the members took {name or 'nobody'}")
        plain = EtcdStore(read_access({"etcd": f"http://127.0.0.1:{self.ports['2379']}"}), timeout=2)
        self.addCleanup(plain.close)
        self.assertRaises(EtcdError, plain.get, "/daprdockr/x")


class ScriptTests(SynchronousTestCase):
    """``scripts/etcd-certificates``."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()

    def test_private(self) -> None:
        """Nobody but the owner reads a key, and the folder of a host does not hold the authority's."""
        self.assertEqual(make(self.directory, "host1=192.0.2.1").returncode, 0)
        modes = {path.stat().st_mode & 0o077 for path in [self.directory, *self.directory.rglob("*")]}
        self.assertEqual(modes, {0})
        self.assertEqual(
            sorted(os.listdir(self.directory / "host1")), ["agent.key", "agent.pem", "ca.pem", "etcd.key", "etcd.pem"]
        )
        self.assertEqual(sorted(os.listdir(self.directory)), ["ca.key", "ca.pem", "host1", "operator"])

    def test_a_host_more(self) -> None:
        """Files that are there stay, byte by byte, when a host is added."""
        make(self.directory, "host1=192.0.2.1")
        before = {path: path.read_bytes() for path in self.directory.rglob("*.*")}
        done = make(self.directory, "host1=192.0.2.1", "host2=2001:db8::2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"kept {self.directory}/host1/etcd.pem\n", done.stdout)
        self.assertEqual({path: path.read_bytes() for path in before}, before)
        self.assertTrue((self.directory / "host2/etcd.pem").exists())

    def test_refused(self) -> None:
        """An argument that cannot be used is named in one line, and nothing is made."""
        for words in (
            ["host1"],
            ["host1=a b"],
            ["host1="],
            ["host1=192.0.2"],
            ["Host1=192.0.2.1"],
            ["host1=192.0.2.1", "x/y=192.0.2.1"],
            ["operator=192.0.2.1"],
        ):
            done = make(self.directory, *words)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        self.assertEqual(make(self.directory).returncode, 2)
        self.assertFalse(self.directory.exists())

    def test_interrupted(self) -> None:
        """Ctrl-C leaves no draft of a key behind, and the next attempt makes all of it."""
        programs = Path(self.mktemp()).absolute()
        programs.mkdir()
        (programs / "openssl").write_text('#!/bin/sh\nkill -INT "$PPID"\nsleep 0.1\n')
        (programs / "openssl").chmod(0o755)
        command = [str(SCRIPT), str(self.directory), "host1=192.0.2.1"]
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(command, env={**os.environ, "PATH": path}, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(os.listdir(self.directory), [])
        self.assertEqual(make(self.directory, "host1=192.0.2.1").returncode, 0)

    def test_authority_without_key(self) -> None:
        """An authority whose key is elsewhere is not replaced, for nobody would trust the new one."""
        make(self.directory, "host1=192.0.2.1")
        (self.directory / "ca.key").unlink()
        before = (self.directory / "ca.pem").read_bytes()
        done = make(self.directory, "host2=192.0.2.2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ca.key", done.stderr)
        self.assertEqual((self.directory / "ca.pem").read_bytes(), before)

    def test_key_without_authority(self) -> None:
        """The key of an authority stays, although the certificate is lost: no other one makes what etcd trusts."""
        make(self.directory, "host1=192.0.2.1")
        before = (self.directory / "ca.key").read_bytes()
        (self.directory / "ca.pem").unlink()
        done = make(self.directory, "host2=192.0.2.2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ca.pem", done.stderr)
        self.assertEqual((self.directory / "ca.key").read_bytes(), before)
        (self.directory / "ca.pem").write_bytes((self.directory / "host1/ca.pem").read_bytes())
        self.assertEqual(make(self.directory, "host2=192.0.2.2").returncode, 0)
