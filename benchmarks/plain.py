"""
The Engine without an orchestrator: its own API, and ``docker run``. Nobody restarts what dies here.

The API is the floor: what uses this Engine from 8 threads cannot be faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from docker import APIClient

from benchmarks import report
from benchmarks.clock import now, seconds
from benchmarks.containers import LABEL, PARALLEL, Containers, DockerCommand


class Api:
    """Create and start through the Engine's API from 8 threads, and nothing else."""

    def __init__(self, engine: str, image: str, run: str) -> None:
        self._containers = Containers(engine, f"{LABEL}={run}-api")
        self._body = {"Image": image, "Labels": {LABEL: f"{run}-api"}, "HostConfig": {"PublishAllPorts": True}}
        self._clients: SimpleQueue[APIClient] = SimpleQueue()
        for _ in range(PARALLEL):
            self._clients.put(APIClient(base_url=engine, version="auto"))

    def converge(self, count: int) -> Mapping[str, float]:
        begin = now()
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(self._run, range(count)))
        return {report.API: seconds(begin, self._containers.wait_running(count, begin))}

    def _run(self, _: int) -> None:
        client = self._clients.get()
        client.start(client.create_container_from_config(self._body)["Id"])
        self._clients.put(client)

    def clear(self) -> None:
        self._containers.remove_all()

    def close(self) -> None:
        self._containers.close()
        while not self._clients.empty():
            self._clients.get().close()


class DockerRun:
    """``docker run -d -P``, 8 at a time, as ``xargs -P8`` would."""

    def __init__(self, engine: str, image: str, run: str) -> None:
        self._docker = DockerCommand(engine)
        self._containers = Containers(engine, f"{LABEL}={run}-run")
        self._words = ("run", "-d", "-P", "--label", self._containers.label, image)

    def converge(self, count: int) -> Mapping[str, float]:
        begin = now()
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(lambda _: self._docker(*self._words), range(count)))
        return {report.DOCKER_RUN: seconds(begin, self._containers.wait_running(count, begin))}

    def clear(self) -> None:
        self._containers.remove_all()

    def close(self) -> None:
        self._containers.close()
