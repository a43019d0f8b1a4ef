"""
The containers of one contestant, selected by a label, and the ``docker`` program.

Knows nothing of who brings them up.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from docker import APIClient
from docker.errors import NotFound

from benchmarks.clock import BenchFailed, Starts, now, seconds, wait_until

PARALLEL = 8
LABEL = "io.daprdockr.bench"


class Contestant(Protocol):
    """A program that brings up containers of one image, each with its port on a host port of its own."""

    def converge(self, count: int) -> Mapping[str, float]:
        """Bring up ``count`` of them; seconds by row. :raises BenchFailed: if they do not run in time."""

    def clear(self) -> None:
        """Take down what ``converge`` brought up, and wait until it is gone."""

    def close(self) -> None:
        """Leave nothing behind."""


class Restarting(Contestant, Protocol):
    """One that starts a dead container again."""

    def kill(self) -> Mapping[str, float]:
        """Kill the only container from outside; seconds until one runs in its place, by row."""


class Containers:
    """All containers with one label on one Engine."""

    def __init__(self, engine: str, label: str) -> None:
        self.label = label
        self._engine = engine
        self._starts = Starts(engine, label)

    def wait_running(self, count: int, since: int) -> int:
        """When the last of ``count`` ran. :raises BenchFailed: if they did not in time, or did not stay."""
        moment = self._starts.last_of(count, since)
        found = len(self._listed(all_=False))
        if found != count:
            raise BenchFailed(f"{found} instead of {count} containers with {self.label} run")
        return moment

    def kill_one(self) -> float:
        """Kill the first process of the only container; seconds until one with the label starts."""
        container = self._listed(all_=False)[0]["Id"]
        with client_of(self._engine) as client:
            pid = client.inspect_container(container)["State"]["Pid"]
        if container not in Path(f"/proc/{pid}/cgroup").read_text():
            raise BenchFailed(f"process {pid} is not of container {container[:12]}: the Engine is on another machine")
        begin = now()
        os.kill(pid, signal.SIGKILL)
        return seconds(begin, self._starts.last_of(1, begin))

    def wait_gone(self) -> None:
        wait_until(lambda: not self._listed(), f"no container with {self.label}")

    def remove_all(self) -> None:
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(self._remove, [container["Id"] for container in self._listed()]))

    def close(self) -> None:
        """Remove them all, and hear of no more."""
        self.remove_all()
        self._starts.close()

    def _listed(self, all_: bool = True) -> list[dict[str, Any]]:
        with client_of(self._engine) as client:
            return list(client.containers(all=all_, filters={"label": self.label}))

    def _remove(self, container: str) -> None:
        with client_of(self._engine) as client, suppress(NotFound):
            client.remove_container(container, v=True, force=True)


class DockerCommand:
    """The ``docker`` program. Instances are callables: ``docker("run", "-d", image)``."""

    def __init__(self, engine: str) -> None:
        if shutil.which("docker") is None:
            raise BenchFailed("there is no docker program: install docker.io or docker-cli (Debian)")
        self._environment = {**os.environ, "DOCKER_HOST": engine}

    def __call__(self, *words: str) -> None:
        """:raises BenchFailed: with what it says, when it fails."""
        done = subprocess.run(
            ["docker", *words], env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise BenchFailed(f"docker {' '.join(words[:2])}: {done.stderr.strip()[-400:]}")


@contextmanager
def client_of(engine: str) -> Iterator[APIClient]:
    client = APIClient(base_url=engine, version="auto")
    try:
        yield client
    finally:
        client.close()
