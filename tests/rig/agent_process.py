"""
A real agent for tests: a process of its own on free loopback ports, with a state directory and a prefix of its own.

    agent = AgentProcess(etcd_urls, engine_url())
    agent.start()
    agent.command("-svc", "web.myapp", "-set", ...)

Tests ask it through the programs that people use: ``daprdockrcmd``, ``dig`` and ``curl``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from docker import APIClient

from tests.build.ports import free_port
from tests.rig.docker_engine import remove, unique_prefix, until
from tests.rig.suspension import resume, suspend

PROGRAMS = Path(sys.executable).parent
LIMIT = 60
"""Seconds after which a program that hangs fails its test."""

LAST_LINES = 60
"""Lines of the log that explain a failure."""


class AgentProcess:
    """
    One node. ``options`` are more options of the agent; ``label`` ones, for example. ``within`` is a command that runs
    the agent's.

    Its containers answer at ``address``; several agents of one cluster share ``prefix`` and ``group``. The variables in
    ``environment`` are added to those of this process.
    """

    def __init__(
        self, etcd: str, engine: str, *options: str, prefix: str = "", node: str = "", within: Sequence[str] = ()
    ) -> None:
        self.environment: dict[str, str] = {}
        self.etcd = etcd
        self.engine = engine
        self.group = prefix or unique_prefix()
        self.node = node or self.group
        self.home = Path(tempfile.mkdtemp(prefix="agent-"))
        self.address = "127.0.0.1"
        self.dns_port, self.http_port, self.api_port = free_port(), free_port(), free_port()
        self.peer_port = free_port()
        self.options = options
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def log(self) -> str:
        return (self.home / "agent.log").read_text("utf-8", "replace")

    def start(self, ttl: int = 2) -> None:
        """Start it with a lease of ``ttl`` seconds, and wait until it says that all is well."""
        self.spawn(ttl)
        until(self.is_well, seen=lambda: f"the agent is not well:\n{self.log[-3000:]}")

    def words(self, ttl: int = 2) -> list[str]:
        """Return the command line of the agent, with a lease of ``ttl`` seconds."""
        command = [*self._within, str(PROGRAMS / "twistd"), "-n", "--pidfile=", "daprdockr"]
        command += ["--etcd", self.etcd, "--docker", self.engine, "--node", self.node, "--host", self.address]
        for listener, port in (("dns", self.dns_port), ("http", self.http_port), ("api", self.api_port)):
            command += [f"--{listener}", f"127.0.0.1:{port}"]
        command += ["--peer", f"127.0.0.1:{self.peer_port}", "--state-dir", str(self.state)]
        return [
            *command,
            "--prefix",
            f"/{self.group}",
            "--lease-ttl",
            str(ttl),
            "--dns-upstream",
            "none",
            *self.options,
        ]

    def spawn(self, ttl: int = 2) -> None:
        with (self.home / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.words(ttl),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=os.environ | self.environment,
                start_new_session=True,
            )

    def is_well(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the agent ended:\n{self.log[-3000:]}")
        return self.curl("", f"http://127.0.0.1:{self.api_port}/healthz") == "ok\n"

    def resident(self) -> int:
        """Its resident memory in bytes."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def suspend(self) -> None:
        """Have it, and none of its processes, stand still."""
        assert self._process is not None
        suspend(self._process.pid)

    def resume(self) -> None:
        assert self._process is not None
        resume(self._process.pid)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it in good order; twistd then ends itself by the signal it got."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(60)
        self._process = None
        assert status == -number, f"exit status {status}:\n{self.log[-3000:]}"

    def power_off(self) -> None:
        """End it and its processes, nginx for one, as a power cut would; containers stay."""
        if self._process is not None:
            self.kill()
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended, or leads no group
                if str(self.state).encode() in line.read_bytes():
                    os.killpg(int(line.parent.name), signal.SIGKILL)

    def close(self) -> None:
        """Take down all that it left: containers, nginx, files."""
        self.power_off()
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            for container in self.containers():
                remove(client, container["Id"])
        shutil.rmtree(self.home, ignore_errors=True)

    def containers(self) -> list[dict[str, Any]]:
        """This node's containers as the Engine lists them, those that do not run too, by instance."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            found = client.containers(all=True, filters={"label": f"io.daprdockr.node={self.node}"})
        return sorted(found, key=lambda container: str(container["Labels"]["io.daprdockr.instance"]))

    def ids(self, service: str) -> list[str]:
        """The ids of the running containers of a service, by instance."""
        return [
            container["Id"]
            for container in self.containers()
            if container["State"] == "running" and container["Labels"]["io.daprdockr.instance"].endswith("." + service)
        ]

    def story(self) -> str:
        """Return its containers, and the end of its log, for the message of a failed test."""
        found = [f"{c['Id'][:12]} {c['Names']} {c['State']}, {c['Status']}" for c in self.containers()]
        return "\n".join(["containers:", *found, "log of the agent:", *self.log.splitlines()[-LAST_LINES:]])

    def pid_of(self, container: str) -> int:
        """The pid of a container's first process."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            return int(client.inspect_container(container)["State"]["Pid"])

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``daprdockrcmd``."""
        command = [str(PROGRAMS / "daprdockrcmd"), "-etcd", self.etcd, "-prefix", f"/{self.group}", *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90, check=False)

    def command(self, *words: str, stdin: str = "") -> str:
        """Run ``daprdockrcmd``, which must succeed; what it prints."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (
            f"daprdockrcmd {' '.join(words)}: {done.returncode}: {done.stderr}\n{self.log[-5000:]}"
        )
        return done.stdout

    def define(self, service: str, instances: int, image: str, **more: Any) -> None:
        """Store a definition and wait until it is carried out."""
        name, group = service.split(".")
        definition = {"Name": name, "Group": group, "Instances": instances, "Container": {"Image": image}, **more}
        self.command("-stdin", stdin=json.dumps(definition))
        self.command("wait", service, "-timeout", "60")

    def instances(self, service: str) -> list[dict[str, Any]]:
        """The output of ``daprdockrcmd ps`` for a service."""
        return list(json.loads(self.command("ps", service, "-o", "json")))

    def dig(self, name: str, kind: str = "A") -> str:
        """The short answer: one line a record, sorted."""
        return "\n".join(sorted(self._dig(name, kind, "+short").splitlines()))

    def status(self, name: str, kind: str = "A") -> str:
        """The status of the answer: NOERROR, NXDOMAIN…"""
        return self._dig(name, kind).partition("status: ")[2].partition(",")[0]

    def _dig(self, name: str, kind: str, *more: str) -> str:
        command = ["dig", "@127.0.0.1", "-p", str(self.dns_port), name, kind, "+time=2", "+tries=2", *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def curl(self, host_name: str, url: str = "", limit: int = 5) -> str:
        """The body that HTTP returns under a host name; "" when nothing answers within so many seconds."""
        command = ["curl", "-s", "-m", str(limit), *(["-H", f"Host: {host_name}"] if host_name else [])]
        target = url or f"http://127.0.0.1:{self.http_port}/"
        return subprocess.run([*command, target], capture_output=True, text=True, timeout=60, check=False).stdout

    @contextmanager
    def asked_all_the_time(self, host_name: str) -> Iterator[set[str]]:
        """Ask one request after another while this lasts; the set fills with who answered ("": nobody did)."""
        answers: set[str] = set()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                answers.add(self.curl(host_name, limit=LIMIT // 2).strip())

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield answers
        finally:
            over.set()
            asker.join()

    def served_by(self, host_name: str, times: int = 12) -> set[str]:
        """The instances that answered some requests."""
        return {self.curl(host_name).strip() for _ in range(times)}
