"""
Real etcd members for tests and benches, on ports and in a directory of their own.

    with EtcdMembers(3) as members:
        store = EtcdStore(members.access)
"""

from __future__ import annotations

import atexit
import datetime
import functools
import json
import os
import random
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType

from attrs import evolve

from daprdockr.etcd.address import Access
from tests.build.ports import free_port
from tests.rig.certificates import Authority
from tests.rig.docker_engine import until
from tests.rig.suspension import resume, suspend

GUARD = 'cat; rm -rf "$1"; kill -KILL 0'
"""Ends the members, which are in its process group, when the end of its input says that we died, in whatever way."""

READY = 60.0
"""Seconds that members are given to elect a leader."""

PATIENT = ("--dial-timeout=20s", "--command-timeout=40s")
"""etcdctl itself waits for two seconds and five, which a busy machine exceeds."""


def missing() -> str | None:
    """Why tests with etcd are skipped; None to run them, which fails loudly where ``CI`` is set."""
    if os.environ.get("CI") or (shutil.which("etcd") and shutil.which("etcdctl")):
        return None
    return "etcd and etcdctl are not installed (Debian: etcd-server, etcd-client)"


@functools.cache
def shared(count: int = 3) -> EtcdMembers:
    """
    Members for all tests that harm none and have a prefix of their own; closed when Python ends.

    Trial has no hook that runs once per class, and a cluster takes two seconds to start.
    """
    members = EtcdMembers(count).__enter__()
    atexit.register(members.close)
    return members


class EtcdMembers:
    """
    ``count`` members of one cluster, numbered from 0.

    :param tls: each member has a certificate for its own address only, and asks clients for theirs.
    :param password: if given, authentication is enabled, with this password for the user root.
    :param flags: more flags for each member.
    """

    def __init__(self, count: int = 3, *, tls: bool = False, password: str = "", flags: tuple[str, ...] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="etcd-members-"))
        self.hosts = [f"127.0.0.{number + 1}" if tls else "127.0.0.1" for number in range(count)]
        self.ports = [free_port(host) for host in self.hosts]
        self._peers = [free_port() for _ in range(count)]
        self._flags = flags
        self._password = password
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._generation = 0
        self._guard: subprocess.Popen[bytes] | None = None
        self._authority = Authority(self.directory) if tls else None
        if self._authority:
            for host in [*self.hosts, "client"]:
                self._authority.issue(host)

    @property
    def urls(self) -> str:
        """The value of ``--etcd``."""
        return ",".join(self.url(number) for number in range(len(self.ports)))

    def url(self, number: int) -> str:
        scheme = "https" if self._authority else "http"
        return f"{scheme}://{self.hosts[number]}:{self.ports[number]}"

    @property
    def access(self) -> Access:
        access = Access.parse(self.urls)
        if self._authority:
            ca, cert, key = self._authority.files("client")
            access = evolve(access, ca=ca, cert=cert, key=key)
        return evolve(access, user="root", password=self._password) if self._password else access

    def __enter__(self) -> EtcdMembers:
        try:
            self.start_all()
            if self._password:
                self.etcdctl("user", "add", f"root:{self._password}", login=False)
                self.etcdctl("auth", "enable", login=False)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill all and remove their data."""
        for number in range(len(self.ports)):
            self.kill(number)
        shutil.rmtree(self.directory, ignore_errors=True)
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.communicate()

    def start_all(self) -> None:
        for number in range(len(self.ports)):
            self.start(number)
        self.wait_healthy()

    def start(self, number: int) -> None:
        """Start a member that does not run, with the data it has."""
        if self._guard is None:
            self._guard = subprocess.Popen(
                ["sh", "-c", GUARD, "guard", str(self.directory)], stdin=subprocess.PIPE, process_group=0
            )
        log = open(self.directory / f"{number}.log", "ab")  # noqa: SIM115 - closed below, the child has its own
        with log:
            self._processes[number] = subprocess.Popen(
                self._command(number),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=self._guard.pid,
            )

    def kill(self, number: int) -> None:
        """End a member as by a power cut; a no-op when it does not run."""
        process, self._processes[number] = self._processes[number], None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self, number: int) -> None:
        """Freeze a member: its connections stay, and nothing answers."""
        suspend(self._running(number).pid)

    def cont(self, number: int) -> None:
        """Let a frozen member go on."""
        resume(self._running(number).pid)

    def wipe(self, same_id: bool = False) -> None:
        """Have another, empty cluster at the same endpoints, perhaps with the same id, as a loss of data leaves it."""
        self._generation += not same_id
        for number in range(len(self.ports)):
            self.kill(number)
            shutil.rmtree(self._data(number))
        self.start_all()

    def save(self) -> Path:
        """A snapshot of what the first member holds now."""
        path = self.directory / f"snapshot-{random.getrandbits(32):x}"
        self.etcdctl("snapshot", "save", str(path), only=0)
        return path

    def restore(self, snapshot: Path) -> None:
        """All members begin anew with that snapshot, as the same cluster."""
        peers = [f"http://127.0.0.1:{port}" for port in self._peers]
        cluster = ",".join(f"m{place}={peer}" for place, peer in enumerate(peers))
        for number, peer in enumerate(peers):
            self.kill(number)
            shutil.rmtree(self._data(number))
            command = ["etcdctl", "snapshot", "restore", str(snapshot), f"--data-dir={self._data(number)}"]
            command += [f"--name=m{number}", f"--initial-cluster={cluster}", f"--initial-advertise-peer-urls={peer}"]
            command += [f"--initial-cluster-token={self.directory.name}-{self._generation}"]
            environment = os.environ | {"ETCDCTL_API": "3"}
            subprocess.run(command, env=environment, capture_output=True, timeout=30, check=True)
        self.start_all()

    def wait_healthy(self, numbers: tuple[int, ...] = ()) -> None:
        """Wait until these members (all, if none is named) know a leader and answer."""
        for number in numbers or tuple(range(len(self.ports))):
            until(functools.partial(self._is_settled, number), READY)
            if self._has_ended(number):
                log = (self.directory / f"{number}.log").read_text("utf-8", "replace")
                raise AssertionError(f"etcd member {number} ended:\n{log[-2000:]}")

    def leader(self) -> int:
        """The number of the member that leads."""
        told = json.loads(self.etcdctl("endpoint", "status", "--write-out=json"))
        for status in told:
            if status["Status"]["header"]["member_id"] == status["Status"]["leader"]:
                return [self.url(number) for number in range(len(self.ports))].index(status["Endpoint"])
        raise AssertionError(f"no member leads: {told}")

    def compact(self, revision: int) -> None:
        """Make etcd forget what was before ``revision``."""
        self.etcdctl("compaction", str(revision))

    def issue(self, name: str, end: datetime.datetime | None = None) -> tuple[Path, Path, Path]:
        """
        Make a certificate for a client of this name, valid for a day unless ``end`` is given; the files of authority,
        certificate and key.
        """
        assert self._authority is not None
        self._authority.issue(name, *([] if end is None else [end]))
        return self._authority.files(name)

    def etcdctl(self, *arguments: str, login: bool = True, only: int | None = None, stdin: str = "") -> str:
        """Run etcdctl against the members that run, or the only one, and return what it prints."""
        running = [number for number, process in enumerate(self._processes) if process]
        urls = [self.url(number) for number in running if only in (None, number)]
        command = ["etcdctl", f"--endpoints={','.join(urls)}", *PATIENT, *arguments]
        if self._authority:
            ca, cert, key = self._authority.files("client")
            command += [f"--cacert={ca}", f"--cert={cert}", f"--key={key}"]
        if self._password and login:
            command.append(f"--user=root:{self._password}")
        environment = os.environ | {"ETCDCTL_API": "3"}
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def _command(self, number: int) -> list[str]:
        peers = [f"http://127.0.0.1:{port}" for port in self._peers]
        cluster = ",".join(f"m{place}={peer}" for place, peer in enumerate(peers))
        command = [
            "etcd",
            f"--name=m{number}",
            f"--data-dir={self._data(number)}",
            f"--listen-client-urls={self.url(number)}",
            f"--advertise-client-urls={self.url(number)}",
            f"--listen-peer-urls={peers[number]}",
            f"--initial-advertise-peer-urls={peers[number]}",
            f"--initial-cluster={cluster}",
            f"--initial-cluster-token={self.directory.name}-{self._generation}",
            "--logger=zap",
            "--log-level=warn",
            *self._flags,
        ]
        if self._authority:
            ca, cert, key = self._authority.files(self.hosts[number])
            command += [f"--cert-file={cert}", f"--key-file={key}", f"--trusted-ca-file={ca}", "--client-cert-auth"]
        return command

    def _data(self, number: int) -> Path:
        return self.directory / f"data{number}"

    def _running(self, number: int) -> subprocess.Popen[bytes]:
        process = self._processes[number]
        assert process is not None, f"member {number} does not run"
        return process

    def _is_settled(self, number: int) -> bool:
        return self._is_healthy(number) or self._has_ended(number)

    def _has_ended(self, number: int) -> bool:
        return self._running(number).poll() is not None

    def _is_healthy(self, number: int) -> bool:
        context = None
        if self._authority:
            ca, cert, key = self._authority.files("client")
            context = ssl.create_default_context(cafile=str(ca))
            context.load_cert_chain(cert, key)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(self.url(number) + "/health", timeout=2) as answer:
                return bool(json.load(answer)["health"] == "true")
        except (OSError, ValueError):
            return False
