"""
The roles of docs/reference/etcd-roles.rst on a real etcd, by the commands that stand there: what an agent, an operator
and a reader can do, and what each is refused; and an agent whose certificate for etcd is replaced.
"""

from __future__ import annotations

import datetime
import json
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.session import STRIKES
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdError, EtcdForbidden
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.keys import Keys
from tests.build.pairs import self_signed
from tests.build.ports import free_port
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers, missing

PAGE = Path(__file__).parents[2] / "docs/reference/etcd-roles.rst"
PASSWORDS = {"anna": "correct-horse", "root": "secret"}
UNCHECKED = {"Health": {"Type": "none"}, "Update": {"MinHealthy": 0}}
LIFE = 10
"""Seconds that a certificate of an agent is valid, from when it is put in the place of the agent's first one."""


class RoleTests(SynchronousTestCase):
    """One member of etcd with TLS, and users by certificate and by password."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        sample_image()
        self.members = EtcdMembers(1, tls=True)
        self.enterContext(self.members)
        self.agent = AgentProcess(self.members.urls, engine_url())
        self.addCleanup(self.agent.close)
        self.memory = tempfile.mkdtemp(prefix="daprdockr-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.memory, True)
        self.group, self.keys = self.agent.group, Keys(f"/{self.agent.group}")
        self.give_roles()
        self.options = {name: self.certified(name) for name in ("agent", "operator", "reader")}
        self.key = self.agent.home / "cluster.key"

    def give_roles(self) -> None:
        """Run the commands of the page, for the prefix of this test."""
        commands = re.findall(r"^ +etcdctl (.*)$", PAGE.read_text(), re.MULTILINE)
        self.assertGreater(len(commands), 20)
        for line in commands:
            command, _, given = line.replace("/daprdockr", f"/{self.group}").partition(" < ")
            stdin = PASSWORDS[given.removesuffix(".password")] + "\n" if given else ""
            self.members.etcdctl(*shlex.split(command), stdin=stdin)
        self.assertEqual(commands[-1], "auth enable")

    def certified(self, name: str, end: datetime.datetime | None = None) -> tuple[str, ...]:
        """Options of a client with a certificate of this name."""
        ca, cert, key = self.members.issue(name, end)
        return "--etcd-ca", str(ca), "--etcd-cert", str(cert), "--etcd-key", str(key)

    def start(self, *more: str) -> None:
        self.agent.options = (
            *self.options["agent"],
            "--memory-dir",
            self.memory,
            "--cluster-key",
            str(self.key),
            *more,
        )
        self.agent.start()

    def run_as(self, name: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.agent.run(*words, *self.options[name], stdin=stdin)

    def done_as(self, name: str, *words: str, stdin: str = "") -> str:
        done = self.run_as(name, *words, stdin=stdin)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def store(self, access: Access, timeout: float = 5.0) -> EtcdStore:
        store = EtcdStore(access, timeout)
        self.addCleanup(store.close)
        return store

    def as_user(self, name: str, timeout: float = 5.0) -> EtcdStore:
        ca, cert, key = (Path(path) for path in self.options[name][1::2])
        return self.store(evolve(self.members.access, ca=ca, cert=cert, key=key), timeout)

    def define(self, name: str, **more: object) -> None:
        definition = {"Name": name, "Group": self.group, "Container": {"Image": sample_image()}, **UNCHECKED, **more}
        self.done_as("operator", "-stdin", stdin=json.dumps(definition))

    def wait(self, name: str) -> None:
        self.done_as("operator", "wait", f"{name}.{self.group}", "-timeout", "60")

    def test_agent(self) -> None:
        """
        With its role alone an agent claims, runs, reports, writes events, opens secrets, shows certificates, rolls out
        a change and reverts one that fails; it can do nothing of what is a person's to do.
        """
        web, port = ServiceName(self.group, "web"), free_port()
        self.done_as("operator", "secret", "key", str(self.key))
        self.done_as("operator", "secret", "set", "token", stdin="t1")
        self.done_as("operator", "file", "set", "x.conf", stdin="x")
        self.start("--https", f"127.0.0.1:{port}")
        uses = {"Secrets": [{"Name": "token"}], "Files": [{"Name": "x.conf", "Target": "/etc/x.conf"}]}
        self.define("web", **uses)
        self.wait("web")
        self.assertEqual(self.agent.dig(f"{web}.container"), "127.0.0.1")
        pair = self_signed(("a.test",))
        for name, content in (("crt", pair.chain), ("key", pair.key)):
            (self.agent.home / f"a.{name}").write_text(content)
        self.done_as("operator", "certificates", "add", *(str(self.agent.home / f"a.{one}") for one in ("crt", "key")))
        until(lambda: "a.test" in self.subject(port))

        first = self.agent.ids(str(web))
        self.done_as("operator", "secret", "set", "token", stdin="t2")
        until(lambda: len(ids := self.agent.ids(str(web))) == 1 and ids != first)
        self.wait("web")
        before = self.done_as("operator", "-get", "-svc", str(web))
        self.define("web", **uses, Container={"Image": sample_image(), "Entrypoint": ["sh", "-c", "exit 3"]})
        until(lambda: self.done_as("operator", "-get", "-svc", str(web)) == before)
        self.assertIn(str(web), self.done_as("reader", "events"))

        own, keys = self.as_user("agent"), self.keys
        for key in (keys.renewal("a.test"), keys.challenge, keys.renewer, keys.sealed_certificate("b.test")):
            own.put(key, b"")
        wishes = keys.cordon("a"), keys.pause(web), keys.trust, keys.secret("a"), keys.file("a"), keys.content("a")
        for key in (*wishes, keys.sealed_secret("a"), keys.public_key, f"{keys.prefix}-other/services/myapp/web", "/x"):
            with self.assertRaises(EtcdForbidden, msg=key):
                own.put(key, b"")
        self.assertTrue(self.agent.is_well())
        self.assertEqual(self.agent.log.count("cannot write"), 0)

    def subject(self, port: int) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.test"]
        return subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False).stdout

    def test_people(self) -> None:
        """A reader can list everything and change nothing, which is one line; an operator can change everything."""
        web = f"web.{self.group}"
        self.done_as("operator", "secret", "key", str(self.key))
        self.start()
        pair, files = self_signed(("a.test",)), [str(self.agent.home / f"a.{name}") for name in ("crt", "key")]
        for name, content in zip(files, (pair.chain, pair.key), strict=True):
            Path(name).write_text(content)
        given = json.dumps({"Name": "web", "Group": self.group, "Container": {"Image": sample_image()}, **UNCHECKED})
        changes: tuple[tuple[tuple[str, ...], str], ...] = (
            (("-stdin",), given),
            (("secret", "set", "token"), "t"),
            (("file", "set", "x.conf"), "x"),
            (("cordon", self.agent.node), ""),
            (("uncordon", self.agent.node), ""),
            (("file", "rm", "x.conf"), ""),
        )
        for number, (words, stdin) in enumerate(changes):
            if number < 3:
                refused = self.run_as("reader", *words, stdin=stdin)
                self.assertEqual((refused.returncode, refused.stderr.count("\n")), (1, 1), refused.stderr)
                self.assertRegex(refused.stderr, r"permission denied.*\boperator\b.*etcd-roles")
            self.done_as("operator", *words, stdin=stdin)
        added = self.run_as("operator", "certificates", "add", *files)
        self.assertEqual((added.returncode, added.stderr.count("no node serves TLS yet")), (0, 1), added.stderr)
        self.done_as("reader", "wait", web, "-timeout", "60")
        backup = self.done_as("reader", "backup")
        self.assertIn("token", self.done_as("reader", "secret", "ls"))
        self.assertIn("a.test", self.done_as("reader", "certificates"))
        self.assertIn(self.agent.node, self.done_as("reader", "status"))
        self.done_as("operator", "-del", "-svc", web)
        self.done_as("operator", "restore", stdin=backup)
        self.check_password(web)

    def check_password(self, service: str) -> None:
        """A user with a password has the rights of its role as well."""
        file = self.agent.home / "password"
        file.write_text(PASSWORDS["anna"] + "\n")
        ca = self.options["agent"][1]
        self.options["anna"] = ("--etcd-ca", ca, "--etcd-user", "anna", "--etcd-password-file", str(file))
        # The member asks for a certificate in any case, and the user goes before its name.
        self.options["anna"] += self.options["reader"][2:]
        self.done_as("anna", "restart", service)

    def test_new_certificate(self) -> None:
        """
        An agent takes up each certificate that replaces its own, and works when a former one has expired and etcd was
        started anew; one that cannot be used is reported once, and the former goes on through another start of etcd.
        """
        self.start()
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=LIFE)
        self.certified("agent", end)
        former = [Path(path).read_bytes() for path in self.options["agent"][3::2]]
        until(lambda: self.agent.log.count("the certificates for etcd changed") == 1)
        self.certified("agent")
        until(lambda: self.agent.log.count("the certificates for etcd changed") == 2)
        until(lambda: datetime.datetime.now(datetime.UTC) > end + datetime.timedelta(seconds=1))
        self.restart_etcd()
        until(self.agent.is_well)
        self.define("web")
        self.wait("web")
        expired = self.agent.home / "expired.pem", self.agent.home / "expired.key"
        for path, content in zip(expired, former, strict=True):
            path.write_bytes(content)
        access = evolve(self.members.access, cert=expired[0], key=expired[1])
        self.assertRaises(EtcdError, self.store(access).get, self.keys.identity)

        store = self.as_user("agent", timeout=0.3)
        until(lambda: self.answers(store))
        unreadable = "the certificates for etcd cannot be read, the last value stands"
        before = self.agent.log.count(unreadable)  # perhaps one, of between the two files of a renewal
        cert = Path(self.options["agent"][3])
        good = cert.read_bytes()
        cert.write_text("no certificate")
        until(lambda: self.agent.log.count(unreadable) > before)
        self.restart_etcd(store)
        until(self.agent.is_well)
        until(lambda: self.answers(store))
        self.assertEqual(self.agent.log.count(unreadable), before + 1, self.agent.log)
        cert.write_bytes(good)
        self.define("web", Instances=2)
        self.wait("web")

    def restart_etcd(self, *stores: EtcdStore) -> None:
        """Have all connections made again; those of the stores by new channels, too."""
        self.members.kill(0)
        for store in stores * (STRIKES + 1):
            self.assertFalse(self.answers(store))
        self.members.start(0)
        self.members.wait_healthy()

    def answers(self, store: EtcdStore) -> bool:
        try:
            return store.get(self.keys.identity) is not None
        except EtcdError:
            return False
