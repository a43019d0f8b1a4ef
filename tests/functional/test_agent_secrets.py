"""Secrets from the command line into containers on real parts: set, used, rotated, and found nowhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from docker import APIClient

from tests.rig.agent_case import AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import sample_image, until
from tests.rig.etcd_members import shared

MEMORY = Path("/dev/shm")
FIRST, SECOND = "correct-horse-battery-staple", "tr0ub4dor-and-3"
UNCHECKED = {"Type": "none"}
USER, USER_ID = "www", "1000"


class SecretsTests(AgentTestCase):
    """One agent with the cluster key, and later one without."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        self.memory = Path(tempfile.mkdtemp(prefix="daprdockr-test-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.memory, True)
        self.key = self.agent.home / "cluster.key"
        self.agent.command("secret", "key", str(self.key))
        self.agent.options = ("--cluster-key", str(self.key), "--memory-dir", str(self.memory))
        self.agent.start()

    def test_path(self) -> None:
        """
        A secret reaches the container's user as a file and another service as a variable, and nobody else: a new value
        replaces the containers that use it and no others, a node without the key runs none of them, and no log, state
        directory, event, or file of etcd has the value; ``docker inspect`` has that of the variable alone.
        """
        group = self.agent.group
        file, variable, plain = (f"{name}.{group}" for name in ("file", "variable", "plain"))
        definition = {"Container": {"Image": sample_image(), "User": USER}, "Secrets": [{"Name": "password"}]}
        self.define("file", definition)
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

        self.agent.command("secret", "set", "password", stdin=SECOND)
        until(lambda: self.inside(file, "cat", "/run/secrets/password") == SECOND)
        until(lambda: f"PASSWORD={SECOND}" in self.inside(variable, "env").split())
        self.wait(file, variable)
        until(lambda: all(len(self.agent.ids(name)) == 1 for name in (file, variable)))
        self.assertEqual(self.agent.ids(plain), before[plain])
        until(lambda: len(list(self.memory.glob("*/*"))) == 1)

        self.agent.command("secret", "rm", "password", "-yes")
        until(lambda: "is not set" in str(self.agent.instances(file)[0]["Reason"]))
        self.assertEqual(self.inside(file, "cat", "/run/secrets/password"), SECOND)
        self.agent.command("secret", "set", "password", stdin=FIRST)
        self.wait(file, variable)

        other = AgentProcess(shared().urls, self.agent.engine, prefix=group, node=f"{group}-b")
        self.addCleanup(other.close)
        other.start()
        until(lambda: "lacks cluster key" in self.agent.command("nodes"))
        self.define("plain", {"Instances": 4})
        self.define("file", {**definition, "Instances": 4})
        self.wait(file, plain)
        until(lambda: len(other.ids(plain)) > 0)
        self.assertEqual((len(self.agent.ids(file)), other.ids(file)), (4, []))
        for value in (FIRST, SECOND):
            self.check_found_nowhere(value, in_environment_of=variable)

    def define(self, name: str, more: dict[str, Any]) -> None:
        definition = {"Name": name, "Group": self.agent.group, "Health": UNCHECKED, "Update": {"MinHealthy": 0}}
        self.agent.command("-stdin", stdin=json.dumps({**definition, "Container": {"Image": sample_image()}, **more}))

    def wait(self, *services: str) -> None:
        for service in services:
            self.agent.command("wait", service, "-timeout", "60")

    def inside(self, service: str, *command: str) -> str:
        """The output of a command in the first container of a service; "" while there is none."""
        container = next(iter(self.agent.ids(service)), "")
        words = ["docker", "-H", self.agent.engine, "exec", container, *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip()

    def check_found_nowhere(self, value: str, in_environment_of: str) -> None:
        """The value stands in nothing that anybody writes or shows, but for the variables of one service."""
        needle = value.encode()
        found = [str(path) for path in self.written() if needle in path.read_bytes()]
        self.assertEqual(found, [])
        said = self.agent.command("events", "-o", "json") + self.agent.command("secret", "ls", "-o", "json")
        self.assertNotIn(value, said + self.agent.run("-v", "secret", "rm", "none").stderr)
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as client:
            for container in self.agent.containers():
                inspected = json.dumps(client.inspect_container(container["Id"]))
                if not container["Labels"]["io.daprdockr.instance"].endswith(in_environment_of):
                    self.assertNotIn(value, inspected)

    def written(self) -> Iterator[Path]:
        """The files that the agent and etcd have written to a disk: state, logs, data."""
        for top in (self.agent.home, shared().directory):
            yield from (path for path in top.rglob("*") if path.is_file())
