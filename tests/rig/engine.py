"""
Run a command with a Docker Engine that answers.

    .venv/bin/python -m tests.rig.engine run DIR -- COMMAND [ARGUMENT ...]

If the Engine of DOCKER_HOST or /var/run/docker.sock answers, the command gets that one. Otherwise (root only) a
private one is started with everything it writes below DIR, and taken down with all its containers when the command
ends. Either way the command finds the Engine's URL in DOCKER_HOST, and its exit status is ours. With --private
before DIR an answering Engine is passed over.

Note [A private Engine leaves the host alone]
Several private Engines, and one that the host may have, live side by side. A private one therefore has a bridge and a
subnet of its own (the kernel refuses a second bridge of the same name, which makes the number ours), subnets of its own
for further networks (two Engines would choose the same ones at the same time), a cgroup of its own, and touches neither
iptables nor forwarding: published ports are served by docker-proxy. Its options stand in DIR/daemon.json, so that
``dockerd --config-file DIR/daemon.json`` starts it again after a test has killed it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

SYSTEM_SOCKET = "/var/run/docker.sock"
# The kernel takes 107 bytes for a Unix socket's path; the longest of ours adds this to DIR.
LONGEST_SOCKET = "/exec/containerd/containerd-debug.sock"
BRIDGES = range(200)
START_SECONDS = 60.0
STOP_SECONDS = 20.0
# dockerd writes it where no option of every version could send it.
TRUST_KEY = Path("/etc/docker/key.json")
OWN_CGROUP = "daprdockr-engine-{number}"
OWN_BRIDGE = "daprd-eng{number}"
OWN_POOL = "10.216.{number}.0/24"
# The processor time of all containers together, as a multiple of what one process of the host gets.
WEIGHT = 8


class EngineFailed(Exception):
    """One line that says what to do."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket at ``path``."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(url: str, method: str, path: str, timeout: float = 5.0) -> bytes | None:
    """The body of the Engine's answer, or None when it does not answer with success."""
    scheme, _, rest = url.partition("://")
    connection: http.client.HTTPConnection
    if scheme == "unix":
        connection = UnixConnection(rest, timeout)
    else:
        connection = http.client.HTTPConnection(rest.rstrip("/"), timeout=timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        return body if response.status < 300 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def answering() -> str | None:
    """The URL of an Engine that is there already."""
    for url in (os.environ.get("DOCKER_HOST", ""), f"unix://{SYSTEM_SOCKET}"):
        if url and ask(url, "GET", "/_ping") is not None:
            return url
    return None


def until(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll for at most ``seconds``: whether the condition came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def quietly(*command: str) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def take_lock(home: Path) -> IO[str]:
    """Hold ``home`` for as long as this process lives."""
    lock = open(home / "lock", "w")  # noqa: SIM115 (closing it would give it up)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EngineFailed(f"{home} is used by another run: choose another directory") from None
    return lock


def take_bridge() -> int:
    """Create a bridge with a subnet nobody uses; its number."""
    taken = subprocess.run(["ip", "route"], capture_output=True, text=True).stdout
    for number in BRIDGES:
        name = OWN_BRIDGE.format(number=number)
        subnet = f"10.213.{number}."
        free = not any(line.startswith(subnet) for line in taken.splitlines())
        if free and quietly("ip", "link", "add", name, "type", "bridge"):
            quietly("ip", "address", "add", f"{subnet}1/24", "dev", name)
            quietly("ip", "link", "set", name, "up")
            return number
    raise EngineFailed("no bridge could be created: run as root, or start a Docker Engine and set DOCKER_HOST")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


class PrivateEngine:
    """One dockerd below ``home``: see Note [A private Engine leaves the host alone]."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"unix://{home}/docker.sock"
        self.number = -1
        self.lock: IO[str] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        self.had_key = TRUST_KEY.exists()

    def start(self) -> None:
        """:raises EngineFailed: if it cannot run here, or does not answer in time."""
        self.check()
        self.home.mkdir(parents=True, exist_ok=True)
        self.lock = take_lock(self.home)
        self.take_down()
        (self.home / "exec").mkdir()
        self.number = take_bridge()
        self.weigh_containers()
        (self.home / "daemon.json").write_text(json.dumps(self.options(), indent=1))
        with open(self.home / "dockerd.log", "wb") as log:
            self.daemon = daemon = subprocess.Popen(
                ["dockerd", "--config-file", str(self.home / "daemon.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(START_SECONDS, lambda: daemon.poll() is not None or self.answers())
        if not self.answers():
            last = (self.home / "dockerd.log").read_text(errors="replace").strip().rpartition("\n")[2]
            raise EngineFailed(f"dockerd did not start: {last[-400:]}")

    def check(self) -> None:
        """:raises EngineFailed: if it cannot run here."""
        if os.geteuid() != 0:
            raise EngineFailed("no Docker Engine answers: start one and set DOCKER_HOST, or run this as root")
        if len(f"{self.home}{LONGEST_SOCKET}".encode()) > 107:
            raise EngineFailed(f"the path {self.home} is too long for a Unix socket: choose a shorter one")
        for program in ("dockerd", "containerd", "ip"):
            if shutil.which(program) is None:
                raise EngineFailed(f"there is no {program}: install docker.io and iproute2 (Debian)")

    def options(self) -> dict[str, object]:
        """The content of dockerd's daemon.json."""
        return {
            "hosts": [self.url],
            "data-root": f"{self.home}/data",
            "exec-root": f"{self.home}/exec",
            "pidfile": f"{self.home}/docker.pid",
            "default-address-pools": [{"base": OWN_POOL.format(number=self.number), "size": 28}],
            "bridge": OWN_BRIDGE.format(number=self.number),
            # systemd's driver, the default beside cgroup version 2, would want a slice of systemd's instead.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": "/" + OWN_CGROUP.format(number=self.number),
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "ip-masq": False,
            "shutdown-timeout": 2,
            "log-level": "warn",
        }

    def weigh_containers(self) -> None:
        """Have the containers compete with the processes of tests as if each were a process of the host, too."""
        is_unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        root, file, one = (".", "cpu.weight", 100) if is_unified else ("cpu", "cpu.shares", 1024)
        cgroup = Path("/sys/fs/cgroup") / root / OWN_CGROUP.format(number=self.number)
        with contextlib.suppress(OSError):
            cgroup.mkdir(exist_ok=True)
            (cgroup / file).write_text(str(one * WEIGHT))

    def answers(self) -> bool:
        return ask(self.url, "GET", "/_ping") is not None

    def explain_hang(self) -> None:
        """Print what dockerd waits for, if it does not answer a question about itself: with its end that is lost."""
        if self.daemon is None or self.daemon.poll() is not None or ask(self.url, "GET", "/info", 20.0) is not None:
            return
        self.daemon.send_signal(signal.SIGUSR1)  # dockerd writes the stacks of all its goroutines
        until(STOP_SECONDS, lambda: bool(self.stacks()))
        waiting = [stack for stack in self.stacks() if "[semacquire" in stack or "daemon.(*Daemon)" in stack]
        log = (self.home / "dockerd.log").read_text(errors="replace").splitlines()
        print(f"{self.url} hangs; the end of its log, and what it waits for:", *log[-40:], sep="\n", file=sys.stderr)
        print(*waiting[:40], sep="\n\n", file=sys.stderr)

    def stacks(self) -> list[str]:
        """Return the stacks that dockerd has written."""
        files = (self.home / "exec").glob("goroutine-stacks-*.log")
        return [stack for file in files for stack in file.read_text(errors="replace").split("\n\n")]

    def stop(self) -> None:
        """Take down what runs and remove what was written, the directory too if nothing else lies in it."""
        if self.lock is None:
            return
        self.take_down()
        if not self.had_key:
            TRUST_KEY.unlink(missing_ok=True)
        (self.home / "lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.home.rmdir()

    def take_down(self) -> None:
        """
        Remove containers, dockerd, containerd, mounts, bridge, cgroup and files, whatever there is of them.

        Also called before a start: a run that was killed could not tidy up. The lock says nobody uses the rest.
        """
        with contextlib.suppress(OSError, ValueError):
            bridge = json.loads((self.home / "daemon.json").read_text())["bridge"]
            self.number = int(bridge.removeprefix(OWN_BRIDGE.format(number="")))
        self.remove_containers()
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.home / "docker.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            if not until(STOP_SECONDS, lambda: not is_running(pid)):
                os.kill(pid, signal.SIGKILL)
        if self.daemon is not None:
            self.daemon.wait()
        for pid in [*self.in_cgroup(), *self.containerds()]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        until(STOP_SECONDS, lambda: not any(map(is_running, [*self.in_cgroup(), *self.containerds()])))
        for mount in self.mounts():
            quietly("umount", "-l", mount)
        if self.number >= 0:
            quietly("ip", "link", "delete", OWN_BRIDGE.format(number=self.number))
        for cgroup in self.cgroups():
            for directory in [*sorted(cgroup.rglob("*/"), reverse=True), cgroup]:
                with contextlib.suppress(OSError):
                    directory.rmdir()
        for name in ("data", "exec"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        for name in ("daemon.json", "dockerd.log", "docker.pid", "docker.sock"):
            (self.home / name).unlink(missing_ok=True)

    def remove_containers(self) -> None:
        """By the Engine itself and without grace, so that dockerd need not wait for any of them."""
        listed = json.loads(ask(self.url, "GET", "/containers/json?all=1") or b"[]")
        with ThreadPoolExecutor(8) as threads:
            for container in listed:
                path = f"/containers/{container['Id']}?force=1&v=1"
                threads.submit(ask, self.url, "DELETE", path, STOP_SECONDS)

    def cgroups(self) -> Iterator[Path]:
        """Our cgroup in each hierarchy (version 1), or in the only one (version 2)."""
        root = Path("/sys/fs/cgroup")
        name = OWN_CGROUP.format(number=self.number)
        yield from (found for found in [root / name, *root.glob(f"*/{name}")] if found.is_dir())

    def in_cgroup(self) -> list[int]:
        """The processes of our containers that outlived dockerd."""
        found: set[int] = set()
        for listing in (listing for cgroup in self.cgroups() for listing in cgroup.rglob("cgroup.procs")):
            with contextlib.suppress(OSError):
                found.update(map(int, listing.read_text().split()))
        return sorted(found)

    def containerds(self) -> list[int]:
        """The containerd and shims that dockerd started: their command lines name our directory."""
        found = []
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = cmdline.read_bytes().split(b"\0")
                if words[0].rpartition(b"/")[2].startswith(b"containerd") and any(
                    word.startswith(f"{self.home}/exec/".encode()) for word in words
                ):
                    found.append(int(cmdline.parent.name))
        return [pid for pid in found if is_running(pid)]

    def mounts(self) -> list[str]:
        """Mount points below our directory, the deepest first."""
        points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
        return sorted((point for point in points if point.startswith(f"{self.home}/")), reverse=True)


def run(command: list[str], url: str) -> int:
    """The exit status of the command, 128 plus the signal if one ended it or us."""
    child = subprocess.Popen(command, env={**os.environ, "DOCKER_HOST": url})

    def forward(number: int, frame: object) -> None:
        with contextlib.suppress(OSError):
            child.send_signal(number)

    # A terminal's Ctrl-C reaches the child by itself; passed on a second time it would cut its own clean-up short.
    signal.signal(signal.SIGINT, signal.SIG_IGN if os.isatty(0) else forward)
    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    status = child.wait()
    return status if status >= 0 else 128 - status


def stopped_early(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.rig.engine", description="Run a command with a Docker Engine.")
    parser.add_argument("action", choices=["run"])
    parser.add_argument("--private", action="store_true", help="start a private Engine in any case")
    parser.add_argument("home", metavar="DIR", type=Path, help="what a private Engine writes lies below it")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND", help="what to run")
    arguments = parser.parse_args()
    url = None if arguments.private else answering()
    if url is not None:
        return run(arguments.command, url)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped_early)
    engine = PrivateEngine(arguments.home.resolve())
    try:
        engine.start()
        return run(arguments.command, engine.url)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        engine.explain_hang()
        engine.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (EngineFailed, FileNotFoundError) as problem:
        sys.exit(f"tests.rig.engine: {problem}")
