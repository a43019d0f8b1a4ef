"""The base of the demo: an agent as a person would start it, commands shown as typed, and leaving nothing."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
from docker.utils import kwargs_from_env

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / ".demo"
STATE = HOME / "state"
LOG = HOME / "agent.log"
PROGRAMS = Path(sys.executable).parent
ADDRESS = "127.0.0.1"
# One name for each checkout, so that what a killed demo left on a shared Docker Engine is known as this one's.
NODE = f"demo-{zlib.crc32(bytes(CHECKOUT)):08x}"
STOP_SECONDS = 60.0


class DemoFailed(Exception):
    """One line that says what was not as it has to be."""


def say(line: str = "") -> None:
    print(line, flush=True)


def show(command: list[str], shown: str = "", stdin: Path | None = None) -> str:
    """Print a command as a person would type it, run it, print and return its output. :raises DemoFailed:"""
    say(f"    $ {shown or shlex.join(command)}")
    with open(stdin or os.devnull, "rb") as given:
        done = subprocess.run(command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in done.stdout.splitlines():
        say(f"    {line}")
    if done.returncode:
        raise DemoFailed(f"{command[0]} ended with exit status {done.returncode}")
    return done.stdout


def free_port(preferred: int) -> int:
    """``preferred`` if nobody has it, for TCP and UDP, else one that is free."""
    for port in (preferred, 0, 0, 0):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind((ADDRESS, port))
            udp.bind((ADDRESS, tcp.getsockname()[1]))
            return int(tcp.getsockname()[1])
    raise DemoFailed(f"no free port on {ADDRESS}")


def until(seconds: float, what: str, condition: Callable[[], bool]) -> None:
    """Wait for the condition. :raises DemoFailed: after ``seconds``, naming ``what`` did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} did not come within {seconds:.0f} seconds")
        time.sleep(0.1)


class Leftovers:
    """The remains of an agent of this checkout: containers with its label, processes that name its directory."""

    def __init__(self) -> None:
        """:raises DemoFailed: no Docker Engine answers."""
        try:
            self.engine = docker.APIClient(**kwargs_from_env(), version="auto")
        except docker.errors.DockerException as error:
            raise DemoFailed(f"no Docker Engine answers; is it running, and DOCKER_HOST right? {error}") from error

    def containers(self) -> list[str]:
        label = {"label": f"io.daprdockr.node={NODE}"}
        return [found["Id"][:12] for found in self.engine.containers(all=True, filters=label)]

    def processes(self) -> Iterator[tuple[int, str]]:
        """The pid and the name of each."""
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if bytes(STATE) in (directory / "cmdline").read_bytes():
                    yield int(directory.name), (directory / "comm").read_text().strip()

    def remove(self) -> str:
        """Remove all of it; what there was, in words, empty if there was nothing."""
        processes, containers = list(self.processes()), self.containers()
        for pid, _ in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for container in containers:
            self.engine.remove_container(container, v=True, force=True)
        shutil.rmtree(STATE, ignore_errors=True)
        told = [f"process {pid} ({name})" for pid, name in processes]
        return ", ".join(told + [f"container {container}" for container in containers])


class Agent:
    """One agent as a person would start it, on ports that need no rights."""

    def __init__(self) -> None:
        self.etcd = f"http://{ADDRESS}:{free_port(5001)}"
        self.dns_port = free_port(5053)
        self.http = f"{ADDRESS}:{free_port(8080)}"
        self.api = f"{ADDRESS}:{free_port(5080)}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = ["--embedded-etcd", "--ephemeral", "--state-dir", str(STATE), "--node", NODE, "--host", ADDRESS]
        arguments += ["--etcd", self.etcd, "--dns", f"{ADDRESS}:{self.dns_port}"]
        arguments += ["--http", self.http, "--api", self.api]
        say(f"    $ twistd -n --pidfile= daprdockr {shlex.join(arguments)}")
        # In a session of its own, so that Ctrl-C ends it through stop(); it gets TERM should this script be killed.
        twistd = ["setpriv", "--pdeathsig", "TERM", str(PROGRAMS / "twistd"), "-n", "--pidfile=", "daprdockr"]
        with open(LOG, "wb") as log:
            self.process = subprocess.Popen(
                twistd + arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise DemoFailed(f"the agent ended with exit status {self.process.returncode}")
        try:
            with urllib.request.urlopen(f"http://{self.api}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """:raises DemoFailed: if it does not end, or ends with an error."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise DemoFailed(f"the agent did not end within {STOP_SECONDS:.0f} seconds of TERM") from None
        # twistd has ended in order when it passes on the signal that it was sent.
        if status not in (0, -signal.SIGTERM):
            raise DemoFailed(f"the agent ended with exit status {status}")
