"""Behaviour that only a real Docker Engine shows: its restart, its freezing, its processes, and its speed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from docker import APIClient
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.engine.events import EventListener
from daprdockr.model.errors import EngineError, EngineUnavailable
from daprdockr.model.host import Status
from tests.marked import marked
from tests.rig import docker_engine

PATIENCE = 60.0


class Consumer:
    """Collects the calls of a listener."""

    def __init__(self) -> None:
        self.told: SimpleQueue[tuple[str, object]] = SimpleQueue()

    def on_connected(self) -> None:
        self.told.put(("connected", None))

    def on_event(self, action: str, container: str) -> None:
        self.told.put((action, container))

    def on_lost(self, error: EngineError) -> None:
        self.told.put(("lost", type(error)))

    def until(self, what: str) -> object:
        while True:
            told, detail = self.told.get(timeout=PATIENCE)
            if told == what:
                return detail


def body(name: str, node: str, instance: str = "1.web.myapp", **fields: Any) -> dict[str, Any]:
    return {"Image": docker_engine.SAMPLE, "Labels": marked(name, node, instance), **fields}


class RestartTests(SynchronousTestCase):
    """An Engine of the test's own that goes away and comes back."""

    def setUp(self) -> None:
        self.private = docker_engine.PrivateEngine()
        self.addCleanup(self.private.end)
        docker_engine.sample_image(self.private.url)
        self.engine = DockerEngine(self.private.url, "n1", timeout=2)
        self.addCleanup(self.engine.close)

    def test_restart_under_listener(self) -> None:
        """A listener reports the loss and the return of the Engine, and receives its events again."""
        container = self.engine.create("web", body("web", "n1"))
        self.engine.start(container)
        consumer = Consumer()
        listener = EventListener(self.engine, consumer, random=random.random)
        listener.start()
        self.addCleanup(listener.stop)
        consumer.until("connected")
        self.assertTrue(self.engine.containers()[0].running)
        self.private.stop()
        self.assertIs(consumer.until("lost"), EngineUnavailable)
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()
        self.private.start()
        consumer.until("connected")
        (state,) = self.engine.containers()
        self.assertEqual((state.id, state.status), (container, Status.EXITED))
        self.engine.start(container)
        self.assertEqual(consumer.until("start"), container)
        self.assertTrue(listener.stop(PATIENCE))

    def test_frozen(self) -> None:
        """A call to an Engine that takes connections but says nothing ends when its time is up."""
        self.engine.containers()
        with self.private.frozen(), self.assertRaises(EngineUnavailable):
            self.engine.containers()
        self.assertEqual(list(self.engine.containers()), [])

    def test_frozen_before_the_first_call(self) -> None:
        """So does a call that has to agree on a version first."""
        with self.private.frozen(), self.assertRaises(EngineUnavailable):
            self.engine.containers()


class SharedEngineTests(SynchronousTestCase):
    """Against the Engine that all tests of a run share."""

    def setUp(self) -> None:
        docker_engine.sample_image()
        self.node = docker_engine.unique_prefix()
        self.engine = DockerEngine(docker_engine.engine_url(), self.node)
        self.addCleanup(self.engine.close)
        self.client = APIClient(base_url=docker_engine.engine_url(), version="auto")
        self.addCleanup(self.client.close)

    def create(self, name: str, **fields: Any) -> str:
        name = f"{self.node}-{name}"
        container = self.engine.create(name, body(name, self.node, **fields))
        self.addCleanup(self.engine.remove, container)
        return container

    def test_overdue_command_is_killed(self) -> None:
        """A command that took too long is not left behind in the container."""
        container = self.create("web")
        self.engine.start(container)
        self.assertEqual(self.engine.execute(container, ["sleep", "987"], 0.3).status, 124)
        docker_engine.until(lambda: not self.running(container, "sleep 987"))

    def running(self, container: str, command: str) -> bool:
        processes = self.client.top(container)["Processes"]
        return any(command in " ".join(process) for process in processes)

    def test_stop_within_grace(self) -> None:
        """The sample image ends on TERM; one that ignores it is killed when its grace is over."""
        polite = self.create("polite")
        self.engine.start(polite)
        docker_engine.until_it_serves(self.client, polite)
        self.engine.stop(polite, 30)
        rude = self.create("rude", instance="2.web.myapp", Cmd=["sleep", "1000"])
        self.engine.start(rude)
        self.engine.stop(rude, 1)
        states = {state.id: state.exit_code for state in self.engine.containers()}
        self.assertEqual(states, {polite: 0, rude: 137})

    def test_healthcheck(self) -> None:
        """The verdict of a container's own health check arrives as an event and as state."""
        second = 1_000_000_000
        check = {"Test": ["CMD", "test", "-e", "/well"], "Interval": second, "Timeout": 60 * second, "Retries": 1000}
        container = self.create("web", Healthcheck=check)
        stream = self.engine.events()
        self.addCleanup(stream.close)
        self.assertEqual(self.engine.start(container).health, "starting")
        self.assertEqual(self.engine.execute(container, ["touch", "/well"], PATIENCE).status, 0)
        for action, _ in stream:
            if action.startswith("health_status"):
                self.assertEqual(action, "health_status: healthy")
                break
        (state,) = self.engine.containers()
        self.assertEqual(state.health, "healthy")

    def test_program_missing(self) -> None:
        """A container whose program does not exist is refused at its start, not reported as gone."""
        container = self.create("web", Cmd=["/nonexistent"])
        with self.assertRaises(EngineError) as caught:
            self.engine.start(container)
        self.assertIn("/nonexistent", str(caught.exception))
        state = self.engine.inspect(container)
        assert state is not None
        self.assertEqual(state.status, Status.CREATED)

    def test_many_threads(self) -> None:
        """Forty containers are created and started by eight threads, and one list contains them all."""

        def run(number: int) -> str:
            name = f"{self.node}-{number}"
            container = self.engine.create(name, body(name, self.node, f"{number}.web.myapp"))
            self.engine.start(container)
            return container

        with ThreadPoolExecutor(8) as threads:
            containers = list(threads.map(run, range(1, 41)))
            self.addCleanup(self.remove, containers)
        states = self.engine.containers()
        self.assertEqual(sorted(state.instance.number for state in states), list(range(1, 41)))
        self.assertEqual({state.status for state in states}, {Status.RUNNING})

    def remove(self, containers: Iterable[str]) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(self.engine.remove, containers))

    def test_no_socket_left_open(self) -> None:
        """Neither event streams nor commands nor closed adapters leave a connection open."""
        container = self.create("web")
        self.engine.start(container)
        self.engine.execute(container, ["true"], 5.0)
        before = self.sockets()
        for _ in range(5):
            self.engine.events().close()
            self.engine.execute(container, ["true"], 5.0)
            other = DockerEngine(docker_engine.engine_url(), self.node)
            other.containers()
            other.close()
        self.assertLessEqual(self.sockets(), before + 1)

    def sockets(self) -> int:
        links = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        return sum(link.startswith("socket:") for link in links)
