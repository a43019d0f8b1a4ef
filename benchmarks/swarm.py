"""
Swarm mode on the Engine: a Swarm of this one node, and services in it.

Note [Ports in host mode]
    A task's port is published in host mode without a number, so each task has a random host port, as the containers of
    all other contestants have. Swarm's default, the routing mesh, gives one port to the whole service, which is less to
    set up for each task and could not be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from docker.errors import DockerException

from benchmarks.clock import BenchFailed, now, seconds, wait_until
from benchmarks.containers import LABEL, Containers, DockerCommand, client_of
from tests.build.ports import free_port

BRIDGE = "docker_gwbridge"
"""The network that ``swarm init`` creates and ``swarm leave`` forgets."""


@contextmanager
def swarm_mode(engine: str) -> Iterator[None]:
    """
    The Engine as the only node of a new Swarm.

    :raises BenchFailed: if it is in a Swarm already, which is not ours to play with, or cannot be in one.
    """
    docker = DockerCommand(engine)
    with client_of(engine) as client:
        state = client.info()["Swarm"]["LocalNodeState"]
        had_bridge = bool(client.networks(names=[BRIDGE]))
    if state != "inactive":
        raise BenchFailed(f"this Engine's Swarm is {state}: choose another Engine by DOCKER_HOST")
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", f"127.0.0.1:{free_port()}")
    try:
        yield
    finally:
        docker("swarm", "leave", "--force")
        if not had_bridge:
            with client_of(engine) as client, suppress(DockerException):
                client.remove_network(BRIDGE)


class Swarm:
    """
    One service at a time. See Note [Ports in host mode].

    :param row: where its first clock and its kills stand in the table.
    :param told: where the time stands until its tasks report that they run; "" for nowhere.
    :param options: more options of ``docker service create``.
    """

    def __init__(self, engine: str, image: str, name: str, row: str, told: str, *options: str) -> None:
        self._docker = DockerCommand(engine)
        self._containers = Containers(engine, f"{LABEL}={name}")
        self._engine = engine
        self._name = name
        self._rows = row, told
        # No registry is asked whether it has a newer image: nobody else here asks either.
        self._words = ["--detach", "--no-resolve-image", "--name", name, "--container-label", self._containers.label]
        self._words += ["--publish", "mode=host,target=8080", *options, image]

    def converge(self, count: int) -> Mapping[str, float]:
        begin = now()
        self._docker("service", "create", "--replicas", str(count), *self._words)
        running = self._containers.wait_running(count, begin)
        wait_until(partial(self._told_running, count), f"{count} tasks of {self._name} running")
        row, told = self._rows
        found = {row: seconds(begin, running), told: seconds(begin, now())}
        return {row: value for row, value in found.items() if row}

    def _told_running(self, count: int) -> bool:
        with client_of(self._engine) as client:
            tasks = client.tasks(filters={"service": self._name, "desired-state": "running"})
        return [task["Status"]["State"] for task in tasks] == ["running"] * count

    def kill(self) -> Mapping[str, float]:
        return {self._rows[0]: self._containers.kill_one()}

    def clear(self) -> None:
        self._docker("service", "rm", self._name)
        self._containers.wait_gone()

    def close(self) -> None:
        with suppress(BenchFailed):
            self._docker("service", "rm", self._name)
        self._containers.close()
