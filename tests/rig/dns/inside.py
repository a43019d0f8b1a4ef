"""
Programs that resolve names, run where an agent's DNS is the resolver: on its host, and within a container.

Note [Programs of the host in a container]
    The sample image has no C library and no dig. Such programs run in the container's network with a copy of the
    container's ``/etc/resolv.conf`` over that of the host: all that a resolver reads is the container's. Static
    ones are put into the container itself.
"""

from __future__ import annotations

import atexit
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from attrs import frozen
from docker import APIClient

SOURCE = Path(__file__).with_name("getaddrinfo.c")
PROGRAMS = ("musl-gcc", "getent", "dig", "busybox", "nsenter", "unshare")
WITH_CONFIGURATION = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def missing() -> str | None:
    """Why these tests are skipped; None to run them, which fails loudly where ``CI`` is set."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return None if os.environ.get("CI") or not absent else f"not installed: {', '.join(absent)}"


@cache
def musl_program() -> Path:
    """``getaddrinfo.c`` with musl's C library in it, built once."""
    home = Path(tempfile.mkdtemp(prefix="musl-"))
    atexit.register(shutil.rmtree, home)
    program = home / "getaddrinfo"
    subprocess.run(["musl-gcc", "-static", "-Os", "-Wall", "-Werror", "-o", program, SOURCE], check=True)
    return program


@frozen
class Said:
    """The output of a program, errors too, and its exit status."""

    text: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@frozen
class Outside:
    """
    Programs on the host, with a resolver's configuration of the test's own.

    :param network: a command before the program that puts it into another network.
    """

    configuration: Path
    network: tuple[str, ...] = ()

    def run(self, *command: str, **environment: str) -> Said:
        words = [*self.network, "unshare", "--mount", "sh", "-c", WITH_CONFIGURATION, str(self.configuration), *command]
        return _said(words, environment)

    def musl(self, *arguments: str) -> Said:
        return self.run(str(musl_program()), *arguments)

    def busybox(self, *arguments: str) -> Said:
        return self.run("busybox", *arguments)


@frozen
class Inside:
    """Programs in a container. Note [Programs of the host in a container]."""

    engine: str
    container: str
    outside: Outside

    @classmethod
    def of(cls, engine: str, container: str, configuration: Path) -> Inside:
        """
        The container has the musl program from now on.

        :param configuration: a file that becomes a copy of the container's ``/etc/resolv.conf``.
        """
        content = musl_program().read_bytes()
        member = tarfile.TarInfo("getaddrinfo")
        member.mode, member.size = 0o755, len(content)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(member, io.BytesIO(content))
        with closing(APIClient(base_url=engine, version="auto")) as client:
            client.put_archive(container, "/bin", archive.getvalue())
            pid = client.inspect_container(container)["State"]["Pid"]
        configuration.write_bytes(Path("/proc", str(pid), "root", "etc/resolv.conf").read_bytes())
        return cls(engine, container, Outside(configuration, ("nsenter", f"--target={pid}", "--net")))

    @property
    def configuration(self) -> Path:
        return self.outside.configuration

    def run(self, *command: str, **environment: str) -> Said:
        return self.outside.run(*command, **environment)

    def musl(self, *arguments: str) -> Said:
        return self._exec(["/bin/getaddrinfo", *arguments])

    def busybox(self, *arguments: str) -> Said:
        return self._exec(["/bin/busybox", *arguments])

    def _exec(self, command: Sequence[str]) -> Said:
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            running = client.exec_create(self.container, list(command))["Id"]
            text = client.exec_start(running).decode()
            return Said(text, int(client.exec_inspect(running)["ExitCode"]))


def _said(words: Sequence[str], environment: dict[str, str]) -> Said:
    done = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )
    return Said(done.stdout, done.returncode)
