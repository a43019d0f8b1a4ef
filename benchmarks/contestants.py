"""
The peers: the Engine's own API, ``docker run``, and Swarm mode. Each brings up some containers of one image, publishes
its port, and takes everything down again.

The first is the floor: nothing that uses this Engine from 8 threads can be faster.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from docker import APIClient
from docker.errors import NotFound

from benchmarks import report
from benchmarks.clock import BenchFailed, Starts, client_of, now, seconds, wait_until

PARALLEL = 8
LABEL = "io.daprdockr.bench"


class Contestant(Protocol):
    """:ivar row: the row of the table that its first clock and its kills stand in."""

    row: str
    restarts: bool

    def converge(self, count: int) -> Mapping[str, float]:
        """Bring up ``count`` containers; seconds by row. :raises BenchFailed: if they do not run in time."""

    def kill(self) -> Mapping[str, float]:
        """Kill a container from outside, if ``restarts``; seconds until one runs in its place."""

    def clear(self) -> None:
        """Take down what ``converge`` brought up, and wait until it is gone."""

    def close(self) -> None:
        """Leave nothing behind."""


class Containers:
    """The containers with one label on one Engine: what all contestants need to know of theirs."""

    def __init__(self, engine: str, label: str) -> None:
        self.engine = engine
        self.label = label
        self.starts = Starts(engine, label)

    def listed(self, all_: bool = True) -> list[dict[str, Any]]:
        with client_of(self.engine) as client:
            return list(client.containers(all=all_, filters={"label": self.label}))

    def running(self, count: int, since: int) -> int:
        """When the last of ``count`` was running. :raises BenchFailed: in time they did not, or not for long."""
        moment = self.starts.last_of(count, since)
        found = len(self.listed(all_=False))
        if found != count:
            raise BenchFailed(f"{found} instead of {count} containers with {self.label} run")
        return moment

    def kill_one(self) -> float:
        """Kill the first process of the only container; seconds until one of the label starts."""
        container = self.listed(all_=False)[0]["Id"]
        with client_of(self.engine) as client:
            pid = client.inspect_container(container)["State"]["Pid"]
        if container not in Path(f"/proc/{pid}/cgroup").read_text():
            raise BenchFailed(f"process {pid} is not of container {container[:12]}: the Engine is on another machine")
        begin = now()
        os.kill(pid, signal.SIGKILL)
        return seconds(begin, self.starts.last_of(1, begin))

    def remove_all(self) -> None:
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(self._remove, [container["Id"] for container in self.listed()]))

    def _remove(self, container: str) -> None:
        with client_of(self.engine) as client, suppress(NotFound):
            client.remove_container(container, v=True, force=True)

    def wait_gone(self) -> None:
        wait_until(lambda: not self.listed(), f"containers with {self.label} gone")


class Api:
    """Create and start through the Engine's API from 8 threads, a client each, and nothing else."""

    row = report.API
    restarts = False

    def __init__(self, engine: str, image: str, run: str) -> None:
        self._image = image
        self._containers = Containers(engine, f"{LABEL}={run}-api")
        self._clients = [APIClient(base_url=engine, version="auto") for _ in range(PARALLEL)]

    def converge(self, count: int) -> Mapping[str, float]:
        begin = now()
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(partial(self._some, count), range(PARALLEL)))
        return {self.row: seconds(begin, self._containers.running(count, begin))}

    def _some(self, count: int, thread: int) -> None:
        client = self._clients[thread]
        name, _, value = self._containers.label.partition("=")
        for _ in range(thread, count, PARALLEL):
            body = {
                "Image": self._image,
                "Labels": {name: value},
                "HostConfig": {"PublishAllPorts": True},
            }
            client.start(client.create_container_from_config(body)["Id"])

    def kill(self) -> Mapping[str, float]:
        raise NotImplementedError("nobody restarts it")

    def clear(self) -> None:
        self._containers.remove_all()

    def close(self) -> None:
        self.clear()
        for client in self._clients:
            client.close()
        self._containers.starts.close()


class DockerRun:
    """``docker run -d -P`` by 8 in parallel, as a script with ``xargs -P8`` would."""

    row = report.DOCKER_RUN
    restarts = False

    def __init__(self, engine: str, image: str, run: str) -> None:
        self._docker = DockerCommand(engine)
        self._containers = Containers(engine, f"{LABEL}={run}-run")
        self._words = ("run", "-d", "-P", "--label", self._containers.label, image)

    def converge(self, count: int) -> Mapping[str, float]:
        begin = now()
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(lambda _: self._docker(*self._words), range(count)))
        return {self.row: seconds(begin, self._containers.running(count, begin))}

    def kill(self) -> Mapping[str, float]:
        raise NotImplementedError("nobody restarts it")

    def clear(self) -> None:
        self._containers.remove_all()

    def close(self) -> None:
        self.clear()
        self._containers.starts.close()


class Swarm:
    """
    A Swarm service. Its ports are published in host mode, each task's on a random host port, as all others here do: the
    default, the routing mesh, gives one port to the service and would do less.

    :param options: more options of ``docker service create``.
    """

    restarts = True

    def __init__(self, engine: str, image: str, run: str, row: str, *options: str) -> None:
        self.row = row
        self._name = f"{run}-{len(options)}"
        self._docker = DockerCommand(engine)
        self._containers = Containers(engine, f"{LABEL}={self._name}")
        # No registry is asked: the image is only here, and the others do not ask either.
        self._words = ["service", "create", "--detach", "--no-resolve-image", "--name", self._name, *options]
        self._words += ["--container-label", self._containers.label, "--publish", "mode=host,target=8080", image]
        self._engine = engine

    def converge(self, count: int) -> Mapping[str, float]:
        create = [*self._words[:2], "--replicas", str(count), *self._words[2:]]
        begin = now()
        self._docker(*create)
        running = self._containers.running(count, begin)
        wait_until(partial(self._tell_running, count), f"{count} tasks of {self._name} running")
        told = now()
        if self.row != report.SWARM:
            return {self.row: seconds(begin, running)}
        return {self.row: seconds(begin, running), report.SWARM_TOLD: seconds(begin, told)}

    def _tell_running(self, count: int) -> bool:
        with client_of(self._engine) as client:
            tasks = client.tasks(filters={"service": self._name, "desired-state": "running"})
        return sum(task["Status"]["State"] == "running" for task in tasks) == count

    def kill(self) -> Mapping[str, float]:
        return {self.row: self._containers.kill_one()}

    def clear(self) -> None:
        self._docker("service", "rm", self._name)
        self._containers.wait_gone()

    def close(self) -> None:
        with suppress(BenchFailed):
            self.clear()
        self._containers.remove_all()
        self._containers.starts.close()


class DockerCommand:
    """The ``docker`` program. Instances are callables: ``docker("run", "-d", image)`` returns what it prints."""

    def __init__(self, engine: str) -> None:
        if shutil.which("docker") is None:
            raise BenchFailed("there is no docker program: install docker.io or docker-cli (Debian)")
        self._environment = {**os.environ, "DOCKER_HOST": engine}

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["docker", *words], env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise BenchFailed(f"docker {' '.join(words[:2])}: {done.stderr.strip()[-400:]}")
        return done.stdout.strip()
