"""The adapter keeps the contract of the Engine's seam against a real Docker Engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from docker import APIClient
from docker.types import IPAMConfig, IPAMPool
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.model.seams import Engine
from tests.build.ports import free_port
from tests.contracts.absent_engine import AbsentEngineContract
from tests.contracts.engine_images import EngineImagesContract
from tests.contracts.engine_users import EngineUsersContract
from tests.contracts.pulling import PullContract
from tests.rig import docker_engine
from tests.rig.empty_registry import empty_registry


class DockerEngineTests(EngineUsersContract, EngineImagesContract, PullContract, SynchronousTestCase):
    """The contract, asked of the adapter."""

    def setUp(self) -> None:
        self.image = docker_engine.sample_image()
        self.prefix = docker_engine.unique_prefix()
        super().setUp()

    def make_engine(self, node: str, former: Sequence[str] = ()) -> DockerEngine:
        engine = DockerEngine(docker_engine.engine_url(), node, former)
        self.addCleanup(engine.close)
        return engine

    def free_port(self) -> int:
        return free_port("0.0.0.0")

    @contextmanager
    def taken_port(self) -> Iterator[int]:
        with docker_engine.taken_port() as port:
            yield port

    def crash(self, engine: Engine, container: str) -> None:
        os.kill(self.client().inspect_container(container)["State"]["Pid"], signal.SIGKILL)

    def settle(self, container: str) -> None:
        docker_engine.until_it_serves(self.client(), container)

    def pause(self, engine: Engine, container: str, paused: bool = True) -> None:
        client = self.client()
        (client.pause if paused else client.unpause)(container)

    def rename(self, engine: Engine, container: str, name: str) -> None:
        self.client().rename(container, name)

    def duplicate(self, engine: Engine, container: str, name: str) -> str:
        client = self.client()
        shown = client.inspect_container(container)
        made = client.create_container_from_config({**shown["Config"], "HostConfig": shown["HostConfig"]}, name)
        return str(made["Id"])

    def commit(self, engine: Engine, container: str) -> str:
        client = self.client()
        image = client.commit(container)["Id"]
        self.addCleanup(client.remove_image, image)
        return str(image)

    def tag(self, image: str, reference: str) -> None:
        client, (name, tag) = self.client(), reference.split(":")
        client.tag(image, name, tag)
        self.addCleanup(client.remove_image, reference)
        self.addCleanup(client.tag, self.image, name, tag)

    def detach(self, engine: Engine, container: str) -> None:
        self.client().disconnect_container_from_network(container, "bridge", force=True)

    def test_overdue_command_leaves_nothing(self) -> None:
        """A command that takes too long is ended with all that it has started, and nothing else of the container is."""
        container = self.create("web")
        self.engine.start(container)
        self.settle(container)
        before = self.pids(container)
        self.assertEqual(
            self.engine.execute(container, ["sh", "-c", "(sleep 1000; true) & sleep 1000; true"], 0.5).status, 124
        )
        docker_engine.until(lambda: self.pids(container) == before)  # one that is killed takes a moment to go

    def pids(self, container: str) -> list[str]:
        """The pids of the processes that run in a container."""
        return [one[1] for one in self.client().top(container)["Processes"]]

    def test_ended_command_counts(self) -> None:
        """The exit status of a command counts, although a process that it left behind holds its output."""
        container = self.create("web")
        self.engine.start(container)
        found = 124
        for timeout in (0.5, 5, 60):  # a busy machine may begin the command late
            if found == 124:
                found = self.engine.execute(container, ["sh", "-c", "sleep 1000 & exit 3"], timeout).status
        self.assertEqual(found, 3)

    @contextmanager
    def absent_image(self) -> Iterator[str]:
        with empty_registry() as registry:
            yield f"{registry}/web:1"

    def add_network(self, name: str, families: set[int]) -> str:
        client = self.client()
        pools = [IPAMPool(subnet=docker_engine.unique_subnet())] if 6 in families else []
        ipam = IPAMConfig(pool_configs=pools) if pools else None
        made = client.create_network(name, driver="bridge", enable_ipv6=bool(pools), ipam=ipam)["Id"]
        self.addCleanup(client.remove_network, made)
        return str(made)

    def add_volume(self, name: str, options: Mapping[str, str]) -> None:
        client = self.client()
        client.create_volume(name, driver_opts=dict(options))
        self.addCleanup(client.remove_volume, name)

    def client(self) -> APIClient:
        client = APIClient(base_url=docker_engine.engine_url(), version="auto")
        self.addCleanup(client.close)
        return client


class DockerEngineAbsentTests(AbsentEngineContract, SynchronousTestCase):
    """The contract of an Engine that does not answer, asked of the adapter."""

    def make_absent_engine(self) -> DockerEngine:
        return DockerEngine("unix:///nonexistent/docker.sock", "node")
