"""
A real Docker Engine for tests: the one that answers, else a private one for as long as this process lives.

A private one hangs on a pipe: ``tests/rig/engine.py`` runs ``cat``, which ends when this process closes its end of
the pipe or dies, and then takes the Engine down.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn
from unittest import SkipTest

from docker import APIClient
from docker.errors import APIError, NotFound

from tests.rig.suspension import resume, suspend

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = "daprdockr/sample:1"
PATIENCE = 60.0


@cache
def engine_url() -> str:
    """
    The URL of a reachable Engine, the same for the whole process.

    :raises SkipTest: if there is none and none can be started; a failure when the variable CI is set.
    """
    _require("dockerd")
    engine = _Run(private=False)
    atexit.register(engine.end)
    return engine.url


@cache
def sample_image(url: str | None = None) -> str:
    """
    The reference of an image on that Engine, built if it is not there: see ``tools/build_image.py``.

    It answers HTTP on port 8080 with its DAPRDOCKR_INSTANCE or host name and " 1", has a shell, and stops on TERM.
    """
    url = url or engine_url()
    with closing(APIClient(base_url=url, version="auto")) as client:
        if client.images(SAMPLE):
            return SAMPLE
    build = [sys.executable, "-m", "tools.build_image", SAMPLE]
    subprocess.run(build, cwd=CHECKOUT, env={**os.environ, "DOCKER_HOST": url}, check=True)
    return SAMPLE


def unique_prefix() -> str:
    """For the names and labels of one run, which may share its Engine with others."""
    return f"test-{os.getpid()}-{os.urandom(3).hex()}"


def unique_subnet() -> str:
    """Of private IPv6 addresses (RFC 4193)."""
    return f"fd{secrets.token_hex(1)}:{secrets.token_hex(2)}:{secrets.token_hex(2)}::/64"


@contextmanager
def taken_port() -> Iterator[int]:
    """A TCP port of the host that this process listens on meanwhile."""
    with closing(socket.socket()) as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


class PrivateEngine:
    """An Engine of one test's own, which may be stopped, killed and frozen; ``end`` it in a cleanup."""

    def __init__(self) -> None:
        _require("dockerd")
        self._run = _Run(private=True)
        self._again: subprocess.Popen[bytes] | None = None
        self.url = self._run.url

    @property
    def pid(self) -> int:
        return int((self._run.home / "docker.pid").read_text())

    def stop(self) -> None:
        """End dockerd, and with it its containers, in good order."""
        os.kill(self.pid, signal.SIGTERM)
        until(lambda: not (self._run.home / "docker.pid").exists())
        if self._again is not None:
            self._again.wait(PATIENCE)

    def kill(self) -> None:
        """End dockerd as a crash would; its containers run on."""
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: not self._answers())

    def start(self) -> None:
        """Start dockerd again, with what it had."""
        self._again = subprocess.Popen(
            ["dockerd", "--config-file", str(self._run.home / "daemon.json")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers)

    @contextmanager
    def frozen(self, containerd: bool = False) -> Iterator[None]:
        """While this lasts dockerd takes connections and says nothing, or its ``containerd`` does."""
        path = self._run.home / "exec" / "containerd" / "containerd.pid"
        pid = int(path.read_text()) if containerd else self.pid
        suspend(pid)
        try:
            yield
        finally:
            resume(pid)

    def end(self) -> None:
        self._run.end()
        if self._again is not None:
            self._again.wait(PATIENCE)

    def _answers(self) -> bool:
        try:
            with closing(socket.socket(socket.AF_UNIX)) as probe:
                probe.connect(self.url.removeprefix("unix://"))
        except OSError:
            return False
        return True


class _Run:
    """One run of ``tests.rig.engine`` around a ``cat``."""

    def __init__(self, private: bool) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="engine-"))
        options = ["--private"] if private else []
        command = ["sh", "-c", 'echo "$DOCKER_HOST"; exec cat']
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.engine", "run", *options, str(self.home), "--", *command],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.end()
            _give_up("no Docker Engine could be started: see above")

    def end(self) -> None:
        self._process.communicate()
        shutil.rmtree(self.home, ignore_errors=True)


def until(condition: Callable[[], bool], seconds: float = PATIENCE, seen: Callable[[], str] = str) -> None:
    """
    Poll for what gives no event.

    :param seen: describes what there is instead, when it is called.
    :raises AssertionError: it did not come true.
    """
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            raise AssertionError(f"what was waited for did not come true within {seconds:g} s\n{seen()}")
        sleep(0.02)


def until_it_serves(client: APIClient, container: str) -> None:
    """
    Wait until the sample image's program in a container, which was started, has begun its work.

    Before, its shell may not have come to its trap: the kernel keeps TERM from it, and other processes are to come.
    """
    until(lambda: any("httpd" in " ".join(one) for one in client.top(container)["Processes"]))


def remove(client: APIClient, container: str) -> None:
    """
    Remove a container that may run, or that somebody kills or removes just now, as an agent does that was killed in
    the middle: what it had asked the Engine for goes on.

    Of one that is being killed the Engine says that it cannot be killed, as it does not run, and therefore not be
    removed; a moment later it can. One that is being removed is waited for.
    """
    until(lambda: _is_removed(client, container))


def _is_removed(client: APIClient, container: str) -> bool:
    try:
        client.remove_container(container, v=True, force=True)
    except NotFound:
        return True
    except APIError as error:
        if not any(words in str(error) for words in ("is not running", "is already in progress")):
            raise
        return False
    return True


def _require(program: str) -> None:
    if shutil.which(program) is None and not os.environ.get("DOCKER_HOST"):
        _give_up(f"there is no {program}: install docker.io (Debian)")


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        raise AssertionError(reason)
    raise SkipTest(reason)
