"""Secrets and files from the command line into containers on real parts: set, used, rotated, and found nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import PROGRAMS, AgentProcess
from tests.rig.cgi_programs import HASTY
from tests.rig.docker_engine import sample_image, until
from tests.rig.etcd_members import shared
from tests.rig.strict_client import StrictClient, Target, Wanted

MEMORY = Path("/dev/shm")
FIRST, SECOND = "correct-horse-battery-staple", "tr0ub4dor-and-3"
UNCHECKED = {"Type": "none"}
RATE = 40
"""Requests per second."""
SERVING = HASTY.replace("/www", "/tmp/www")
"""For a user that may write nowhere else."""
CHECKOUT = Path(__file__).parents[2]
ON_HUP = "trap 'echo $(cat /etc/token) $(cat /etc/x.conf) > /tmp/seen' HUP; while :; do sleep 0.2 & wait $!; done"
USER, USER_ID = "www", "1000"


class SecretsTests(AgentTestCase):
    """One agent with the cluster key, and later one without."""

    started = False
    timeout = 600

    def setUp(self) -> None:
        super().setUp()
        self.memory = Path(tempfile.mkdtemp(prefix="daprdockr-test-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.memory, True)
        self.key = self.agent.home / "cluster.key"
        self.agent.command("secret", "key", str(self.key))
        self.agent.options = ("--cluster-key", str(self.key), "--memory-dir", str(self.memory))
        self.agent.start()
        self.agents = [self.agent]

    def test_path(self) -> None:
        """
        A secret reaches the container's user as a file and another service as a variable, and nobody else: a new value
        replaces the containers that use it and no others, and no request is lost; a new cluster key replaces none, and
        one that cannot be read is reported once, while the former one opens. A node without the key runs none of them,
        takes over none from a node that died, and no log, state directory, event, environment of an agent, or file of
        etcd has the value; ``docker inspect`` has that of the variable alone.
        """
        group = self.agent.group
        file, variable, plain = (f"{name}.{group}" for name in ("file", "variable", "plain"))
        program = {"Image": sample_image(), "User": USER, "Entrypoint": ["sh", "-c", SERVING]}
        definition = {"Container": program, "Secrets": [{"Name": "password"}]}
        definition |= {"Http": HTTP, "Health": {"Type": "tcp"}}
        self.define("file", definition | {"Instances": 2})
        until(lambda: "is not set" in str(self.agent.instances(file)[0]["Reason"]))
        self.assertEqual(self.agent.containers(), [])

        self.agent.command("secret", "set", "password", stdin=FIRST)
        self.define("variable", {"Secrets": [{"Name": "password", "Env": "PASSWORD"}]})
        self.define("plain", {})
        self.wait(file, variable, plain)
        self.assertEqual(self.inside(file, "cat", "/run/secrets/password"), FIRST)
        self.assertEqual(self.inside(file, "stat", "-c", "%a %u", "/run/secrets/password"), f"400 {USER_ID}")
        self.assertIn(f"PASSWORD={FIRST}", self.inside(variable, "env").split())
        before = {name: self.agent.ids(name) for name in (file, variable, plain)}
        self.check_found_nowhere(FIRST, in_environment_of=variable)

        target = Target(self.agent.http_port, HTTP["HostName"], "127.0.0.1", "/cgi-bin/quick")
        url = f"http://127.0.0.1:{target.port}{target.path}"
        until(lambda: self.agent.curl(target.host_name, url) == "answered")
        with StrictClient(Wanted((target,), rate=RATE)) as client:
            self.agent.command("secret", "set", "password", stdin=SECOND)
            self.wait(file, variable)
            until(lambda: set(before[file]).isdisjoint(self.agent.ids(file)) and len(self.agent.ids(file)) == 2)
            taken = client.take()
        self.assertEqual(({}, True), (taken.lost, taken.sent > 0))
        self.assertEqual(self.inside(file, "cat", "/run/secrets/password"), SECOND)
        until(lambda: f"PASSWORD={SECOND}" in self.inside(variable, "env").split())
        until(lambda: len(self.agent.ids(variable)) == 1)
        self.assertEqual(self.agent.ids(plain), before[plain])
        until(lambda: len(list(self.memory.glob("*/*"))) == 2)

        before = {name: self.agent.ids(name) for name in (file, variable, plain)}
        with StrictClient(Wanted((target,), rate=RATE)) as client:
            self.assertIn("has a new key", self.agent.command("secret", "rotate-key", str(self.key)))
            until(lambda: "1 value was sealed" in self.agent.run("secret", "rotate-key", str(self.key)).stdout)
            self.wait(file, variable)
            taken = client.take()
        self.assertEqual(({}, True), (taken.lost, taken.sent > 0))
        self.assertEqual({name: self.agent.ids(name) for name in before}, before)

        self.agent.command("secret", "rm", "password", "-yes")
        until(lambda: "is not set" in str(self.agent.instances(file)[0]["Reason"]))
        self.assertEqual(self.inside(file, "cat", "/run/secrets/password"), SECOND)
        good = self.key.read_bytes()
        self.replace_key(b"no key\n")
        until(lambda: "the cluster key cannot be read, the last value stands" in self.agent.log)
        self.agent.command("secret", "set", "password", stdin=FIRST)
        self.wait(file, variable)
        self.assertEqual(self.agent.log.count("the cluster key cannot be read"), 1)
        self.replace_key(good)

        other = AgentProcess(shared().urls, self.agent.engine, prefix=group, node=f"{group}-b")
        self.addCleanup(other.close)
        other.start()
        self.agents.append(other)
        until(lambda: "lacks cluster key" in self.agent.command("nodes"))
        self.define("plain", {"Instances": 4})
        self.define("file", {**definition, "Instances": 4})
        self.wait(file, plain)
        until(lambda: len(other.ids(plain)) > 0)
        until(lambda: len(self.agent.ids(file)) == 4, seen=self.agent.story)  # those of the former value have gone
        self.assertEqual(other.ids(file), [])
        for value in (FIRST, SECOND):
            self.check_found_nowhere(value, in_environment_of=variable)

        self.agent.kill()
        until(lambda: len(other.ids(plain)) == 4)
        self.assertEqual((other.ids(file), other.ids(variable)), ([], []))

    def replace_key(self, content: bytes) -> None:
        """At once: an agent that reads a half of it reports that, too."""
        fresh = self.key.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(content)
        fresh.replace(self.key)

    def test_files(self) -> None:
        """
        A file that is stored again replaces the containers of the service that uses it; one whose changes are signalled
        is there in its place when the main process gets the signal, and no container is replaced.
        """
        rolled, signalled = (f"{name}.{self.agent.group}" for name in ("rolled", "signalled"))
        program = {"Image": sample_image(), "User": USER, "Entrypoint": ["sh", "-c", ON_HUP]}
        self.define("rolled", {"Files": [{"Name": "x.conf", "Target": "/etc/x.conf"}]})
        uses = [{"Name": "x.conf", "Target": "/etc/x.conf", "OnChange": "HUP"}]
        secret = [{"Name": "token", "Target": "/etc/token", "OnChange": "HUP"}]
        self.define("signalled", {"Container": program, "Files": uses, "Secrets": secret})
        until(lambda: "file x.conf is not set" in " ".join(self.agent.command("why", rolled).split()))
        self.agent.command("secret", "set", "token", stdin="t1")
        self.agent.command("file", "set", "x.conf", stdin="one")
        self.wait(rolled, signalled)
        self.assertEqual(self.inside(rolled, "stat", "-c", "%a", "/etc/x.conf"), "444")
        before = {name: self.agent.ids(name) for name in (rolled, signalled)}
        self.agent.command("file", "set", "x.conf", stdin="the second")
        self.wait(signalled)
        self.assertEqual(self.inside(signalled, "cat", "/etc/x.conf"), "the second")
        until(lambda: self.inside(signalled, "cat", "/tmp/seen") == "t1 the second")
        self.agent.command("secret", "set", "token", stdin="t2")
        until(lambda: self.inside(signalled, "cat", "/tmp/seen") == "t2 the second")
        until(lambda: self.inside(rolled, "cat", "/etc/x.conf") == "the second")
        self.wait(rolled, signalled)
        self.assertEqual(self.agent.ids(signalled), before[signalled])
        until(lambda: set(before[rolled]).isdisjoint(self.agent.ids(rolled)), seen=self.agent.story)

    def test_guide(self) -> None:
        """The commands of docs/guide/secrets.rst do what it says, in its order, for a service that it describes."""
        text = (CHECKOUT / "docs/guide/secrets.rst").read_text("utf-8")
        parts = [
            json.loads("{" + part + "}")
            for part in re.findall(r'^    ("(?:Secrets|Files)": .*(?:\n {5,}.*)*)', text, re.M)
        ]
        self.assertEqual([list(part) for part in parts], [["Secrets"], ["Files"], ["Files"]])
        service = {"Name": "web", "Group": "myapp", "Health": UNCHECKED, "Container": {"Image": sample_image()}}
        self.agent.command("-stdin", stdin=json.dumps(service | parts[0] | parts[1]))
        for name in ("server.pem", "nginx.conf", "new-password.txt"):
            (self.agent.home / name).write_text(f"the content of {name}")
        commands = [line.removeprefix("    # ") for line in text.splitlines() if line.startswith("    # ")]
        self.assertEqual(len(commands), 11)
        for command in commands[:10]:
            done = self.typed(command)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        self.assertIn("has a new key", done.stdout)
        for place, content in (
            ("/run/secrets/db-password", "the content of new-password.txt"),
            ("/etc/web/server.pem", "the content of server.pem"),
            ("/etc/nginx/nginx.conf", "the content of nginx.conf"),
            ("/start.sh", "#!/bin/sh\nexec web --fast"),
        ):
            self.assertEqual(self.inside("web.myapp", "cat", place), content)
        self.assertIn("copy its file from a node that has it", self.typed(commands[10].replace(".key", ".new")).stderr)
        self.key.unlink()  # the last copy
        self.agent.stop()
        self.agent.start()
        until(lambda: self.typed(commands[10]).returncode == 0, seen=self.agent.story)
        again = [f"printf again | daprdockrcmd secret set {name}" for name in ("db-password", "server.pem")]
        for command in (*commands[10:], *again):
            done = self.typed(command)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        until(lambda: self.inside("web.myapp", "cat", "/run/secrets/db-password") == "again", seen=self.agent.story)

    def typed(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the guide on this host."""
        for path, here in (
            ("/var/lib/daprdockr/cluster.key", self.key),
            ("/etc/ssl/private/", f"{self.agent.home}/"),
        ):
            command = command.replace(path, str(here))
        etcd, prefix = self.agent.etcd, f"/{self.agent.group}"
        program = f'daprdockrcmd() {{ "{PROGRAMS}/daprdockrcmd" -etcd {etcd} -prefix {prefix} "$@"; }}'
        environment = {**os.environ, "PASSWORD": FIRST}
        words = ["bash", "-ec", f"{program}\n{command}"]
        return subprocess.run(
            words, cwd=self.agent.home, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def define(self, name: str, more: dict[str, Any]) -> None:
        definition = {"Name": name, "Group": self.agent.group, "Health": UNCHECKED, "Update": {"MinHealthy": 0}}
        self.agent.command("-stdin", stdin=json.dumps({**definition, "Container": {"Image": sample_image()}, **more}))

    def wait(self, *services: str) -> None:
        for service in services:
            self.agent.command("wait", service, "-timeout", "60")

    def inside(self, service: str, *command: str) -> str:
        """The output of a command in the first container of a service; "" while there is none."""
        for container in self.agent.ids(service)[:1]:
            with (
                closing(APIClient(base_url=self.agent.engine, version="auto")) as client,
                contextlib.suppress(APIError),
            ):
                begun = client.exec_create(container, list(command), stderr=False)
                return str(client.exec_start(begun["Id"]).decode().strip())
        return ""

    def check_found_nowhere(self, value: str, in_environment_of: str) -> None:
        """The value stands in nothing that anybody writes or shows, but for the variables of one service."""
        found: list[str] = []
        until(lambda: self.are_searched(value.encode(), found))
        self.assertEqual(found, [])
        for process in self.processes():
            self.assertNotIn(value, _shown(int(process.name), "environ") + _shown(int(process.name), "cmdline"))
            self.assertIn(_shown(int(process.name), "coredump_filter"), ("00000000\n", ""), process)
        said = self.agent.command("events", "-o", "json") + self.agent.command("secret", "ls", "-o", "json")
        self.assertNotIn(value, said + self.agent.run("-v", "secret", "rm", "none").stderr)
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as client:
            for container in self.agent.containers():
                inspected = json.dumps(client.inspect_container(container["Id"]))
                if not container["Labels"]["io.daprdockr.instance"].endswith(in_environment_of):
                    self.assertNotIn(value, inspected)

    def are_searched(self, needle: bytes, found: list[str]) -> bool:
        """Search all files; whether none of them was renamed or removed meanwhile, which might have been missed."""
        try:
            found[:] = [str(path) for path in self.written() if needle in path.read_bytes()]
        except FileNotFoundError:
            return False
        return True

    def written(self) -> Iterator[Path]:
        """The files that the agent and etcd have written to a disk: state, logs, data."""
        for top in (*(agent.home for agent in self.agents), shared().directory):
            yield from (path for path in top.rglob("*") if path.is_file())

    def processes(self) -> Iterator[Path]:
        """The agents and what they have started: nginx, relay, guard."""
        parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
        found = {pid for pid in parents if any(str(agent.state) in _shown(pid, "cmdline") for agent in self.agents)}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        self.assertGreaterEqual(len(found), 2 * len(self.agents))
        yield from (Path("/proc") / str(pid) for pid in found)


def _shown(pid: int, what: str) -> str:
    """Return what the kernel shows of a process; "" when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{what}").read_bytes().decode("utf-8", "replace")
    return ""


def _parent(process: Path) -> int:
    fields = _shown(int(process.name), "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0
