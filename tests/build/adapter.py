"""The base of tests of the adapter of the Docker Engine."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.docker_engine import DockerEngine
from tests.fakes.scripted_engine import ScriptedEngine, inspected, summary


class AdapterCase(SynchronousTestCase):
    """A scripted Engine and an adapter that talks to it."""

    def setUp(self) -> None:
        # Not below trial's own directory, whose path is too long for a Unix socket.
        temporary = tempfile.TemporaryDirectory(prefix="engine-")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.set_environment("DOCKER_CONFIG", temporary.name)
        self.server = self.serve()
        self.now = 0.0
        self.pace = 0.0
        self.engine = DockerEngine(f"unix://{self.directory}/s", "n1", timeout=20, pull_timeout=60, clock=self.clock)
        self.addCleanup(self.engine.close)

    def clock(self) -> float:
        self.now += self.pace
        return self.now

    def serve(self) -> ScriptedEngine:
        return self.served(ScriptedEngine(f"{self.directory}/s"))

    def served(self, server: ScriptedEngine) -> ScriptedEngine:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.released.set)
        return server

    def set_environment(self, name: str, value: str) -> None:
        before = os.environ.get(name)
        os.environ[name] = value
        if before is None:
            self.addCleanup(os.environ.pop, name)
        else:
            self.addCleanup(os.environ.update, {name: before})

    def hold(self, *containers: str) -> None:
        """Let the Engine have these containers."""
        self.server.answers["/containers/json"] = (200, [summary(container) for container in containers])
        for container in containers:
            self.server.answers[f"/containers/{container}/json"] = (200, inspected(container))

    def listing(self) -> list[str]:
        """List, and tell which requests that took."""
        self.server.asked.clear()
        self.engine.containers()
        return self.server.paths()
