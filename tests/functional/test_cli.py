"""The real ``daprdockrcmd`` and ``daprdockrd``, as a person starts them, with a real etcd of three members."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rig import etcd_members
from tests.rig.agent_process import LIMIT, PROGRAMS

NOBODY = "http://127.0.0.1:1,http://127.0.0.1:2"
COMMAND = str(PROGRAMS / "daprdockrcmd")


class ProgramTestCase(SynchronousTestCase):
    """Programs run in an environment that says nothing of any etcd."""

    skip = etcd_members.missing()

    def setUp(self) -> None:
        unset = {"ETCD_HOSTS", "HOST_IP", "DOCKER_HOST"}
        self.environment = {name: value for name, value in os.environ.items() if name not in unset}

    def run_program(self, name: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAMS / name), *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=LIMIT, check=False, **options
        )


class CommandTests(ProgramTestCase):
    """``daprdockrcmd`` on one cluster for all tests, since each has a prefix of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.environment["ETCD_HOSTS"] = etcd_members.shared().urls
        self.prefix = f"/{uuid.uuid4()}"

    def command(self, line: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.run_program("daprdockrcmd", *line.split(), "-prefix", self.prefix, **options)

    def test_life_of_a_service(self) -> None:
        """A service is set, changed, read from stdin, listed, deleted, and then is not found."""
        done = self.command("-svc web.myapp -set -image web:1 -instances 3 -http-host demo.test -http-port 8080")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["Http"], {"HostName": "demo.test", "ContainerPort": "8080"})
        self.command("-svc web.myapp -set=true -instances=1")
        done = self.command("-svc web.myapp")
        self.assertEqual(json.loads(done.stdout)["Instances"], 1)
        definition = json.dumps({"Name": "db", "Group": "myapp", "Container": {"Image": "db:1"}})
        self.assertEqual(self.command("-stdin", input=definition).returncode, 0)
        names = [item["Name"] for item in json.loads(self.command("-get").stdout)]
        self.assertEqual(names, ["db", "web"])
        self.assertEqual(self.command("-del -svc web.myapp").returncode, 0)
        self.assertEqual(self.command("-get -svc web.myapp").returncode, 3)

    def test_history(self) -> None:
        """Revisions are kept with each change, in one transaction of etcd, and bring a deleted service back."""
        for number in range(1, 13):
            self.command(f"-svc web.myapp -set -image web:{number}")
        self.assertEqual(self.command("scale web.myapp=3").stdout, "web.myapp: 3 instances, 1 before\n")
        present = self.command("-svc web.myapp").stdout
        self.assertEqual(self.command("-del -svc web.myapp").returncode, 0)
        rows = json.loads(self.command("history web.myapp -o json").stdout)
        self.assertEqual([row["Revision"] for row in rows], list(range(4, 14)))
        self.assertEqual(self.command("rollback web.myapp").stdout, present)
        self.assertEqual(self.command("restart web.myapp").returncode, 0)
        self.assertEqual(self.command("rollback web.myapp 9").returncode, 0)
        rows = json.loads(self.command("history web.myapp -o json").stdout)
        self.assertEqual([row["Revision"] for row in rows], list(range(7, 17)))
        self.assertTrue(rows[-1]["By"].startswith("rollback to 9 by "))

    def test_commands(self) -> None:
        """The commands answer in both forms."""
        self.command("-svc web.myapp -set -image web:1")
        for name in ("status", "ps", "nodes", "events"):
            table, text = self.command(name), self.command(f"{name} -o json")
            self.assertEqual((table.returncode, table.stderr, text.returncode), (0, "", 0))
            json.loads(text.stdout)
        self.assertIn("1.web.myapp   -      waiting", self.command("ps").stdout)

    def test_wait_ends(self) -> None:
        """``wait`` ends in time with what is lacking, though no watch event comes."""
        self.command("-svc web.myapp -set -image web:1")
        done = self.command("wait -timeout 1")
        self.assertEqual(done.returncode, 4)
        self.assertIn("1.web.myapp is waiting for a node", done.stderr)

    def test_wait_follows(self) -> None:
        """``wait`` ends with the change that it waits for."""
        self.command("-svc web.myapp -set -image web:1")
        waiting = subprocess.Popen(
            [COMMAND, "wait", "-prefix", self.prefix],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(waiting.wait)
        self.addCleanup(waiting.kill)
        self.command("-svc web.myapp -set -instances 0")
        self.assertEqual(waiting.communicate(timeout=LIMIT)[0], "web.myapp: 0 healthy\n")
        self.assertEqual(waiting.returncode, 0)

    def test_too_large(self) -> None:
        """Ten megabytes on stdin are refused, and nothing is written."""
        done = self.command("-stdin", input=" " * 10_000_000)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertEqual(self.command("-get").stdout, "[]\n")

    def test_not_utf8(self) -> None:
        """An argument that is not UTF-8 is refused with one line."""
        words = ["-svc", "web.myapp", "-set", "-image", "x", "-cmd", os.fsdecode(b"\xff"), "-prefix", self.prefix]
        done = subprocess.run([COMMAND, *words], env=self.environment, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (1, b"", 1))

    def test_closed_pipe(self) -> None:
        """When nobody reads its output it ends silently."""
        reader, writer = os.pipe()
        os.close(reader)
        command = [COMMAND, "status", "-prefix", self.prefix]
        done = subprocess.run(
            command, env=self.environment, stdout=writer, stderr=subprocess.PIPE, timeout=LIMIT, check=False
        )
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_interrupted(self) -> None:
        """Ctrl-C ends a command that waits, and it prints nothing."""
        self.environment["PYTHONUNBUFFERED"] = "1"
        command = [COMMAND, "-stdin", "-prefix", self.prefix]
        waiting = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.addCleanup(waiting.wait)
        self.addCleanup(waiting.kill)
        assert waiting.stdin is not None
        waiting.stdin.write(b" " * 200_000)
        waiting.stdin.flush()  # more than a pipe holds: it returns when the command reads
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.communicate(timeout=LIMIT), (b"", b""))
        self.assertEqual(waiting.returncode, 130)


class WithoutEtcdTests(ProgramTestCase):
    """Commands that need no etcd, and all commands when none answers."""

    def test_nobody_there(self) -> None:
        """It gives up with one line that names the endpoints it tried."""
        done = self.run_program("daprdockrcmd", "-get", "-etcd", NOBODY)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1))
        for endpoint in NOBODY.split(","):
            self.assertIn(endpoint, done.stderr)

    def test_help_and_address(self) -> None:
        """Help and the address of this host are printed."""
        self.assertIn("Usage: daprdockrcmd", self.run_program("daprdockrcmd", "-help").stdout)
        self.environment["HOST_IP"] = "192.0.2.1"
        self.assertEqual(self.run_program("daprdockrcmd", "-ip").stdout, "192.0.2.1\n")


class DaemonTests(ProgramTestCase):
    """``daprdockrd``, and ``twistd daprdockr``, as far as they read options."""

    def test_bad_value(self) -> None:
        """A bad value ends both with one line that names it."""
        for name, words in (("daprdockrd", []), ("twistd", ["-n", "--pidfile=", "daprdockr"])):
            done = self.run_program(name, *words, "--lease-ttl=1")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, r"\A[^\n]*--lease-ttl[^\n]*\n\Z")

    def test_unknown_flag(self) -> None:
        """An unknown flag ends it with one line that names it."""
        done = self.run_program("daprdockrd", "-instances", "3")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
        self.assertIn("-instances", done.stderr)

    def test_help(self) -> None:
        """Help names every option, with either program."""
        for name, words in (("daprdockrd", ["-help"]), ("twistd", ["daprdockr", "--help"])):
            done = self.run_program(name, *words)
            self.assertEqual(done.returncode, 0)
            self.assertIn("--docker-workers=", done.stdout)
