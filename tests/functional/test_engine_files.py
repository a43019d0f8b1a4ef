"""Calls of a real Docker Engine leave no open file behind, whatever the garbage collector does."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.model.errors import EngineError
from daprdockr.model.host import LABEL_INSTANCE, LABEL_NAME, LABEL_NODE
from tests.rig.docker_engine import engine_url, sample_image, unique_prefix

TIMES = 12


class OpenFilesTests(SynchronousTestCase):
    """Before, each command left a connection open, and each container asked for another one."""

    def setUp(self) -> None:
        self.node = unique_prefix()
        image = sample_image()
        self.engine = DockerEngine(engine_url(), self.node)
        self.addCleanup(self.engine.close)
        labels = {LABEL_NODE: self.node, LABEL_INSTANCE: "1.web.myapp", LABEL_NAME: self.node}
        self.container = self.engine.create(self.node, {"Image": image, "Labels": labels})
        self.addCleanup(self.engine.remove, self.container)
        self.engine.start(self.container)
        gc.disable()
        self.addCleanup(gc.enable)

    def left_open(self, call: Callable[[int], object]) -> int:
        """How many files more there are after the same call made several times; its number is given to it."""
        with contextlib.suppress(EngineError):
            call(TIMES)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(TIMES):
            with contextlib.suppress(EngineError):
                call(number)
        return len(os.listdir("/proc/self/fd")) - before

    def test_commands(self) -> None:
        """Commands that end, that take too long, and that cannot be run."""
        for command, timeout in ((["true"], 5.0), (["sleep", "9"], 0.1), (["/nowhere"], 5.0)):
            run = lambda _, command=command, timeout=timeout: self.engine.execute(self.container, command, timeout)  # noqa: E731
            self.assertEqual(self.left_open(run), 0, command)

    def test_many_containers(self) -> None:
        """Each container has an address of its own, and needs no connection of its own."""
        self.assertEqual(self.left_open(lambda number: self.engine.inspect(f"{number:064x}")), 0)
        self.assertEqual(self.left_open(lambda number: self.engine.start(f"{number:064x}")), 0)
        self.assertEqual(self.left_open(lambda number: self.engine.stop(f"{number:064x}", 1)), 0)

    def test_streams(self) -> None:
        """Event streams that were read or not, and pulls that fail."""

        def read(_: int) -> None:
            stream = self.engine.events()
            self.engine.stop(self.container, 0)
            next(iter(stream))
            stream.close()
            self.engine.start(self.container)

        self.assertEqual(self.left_open(lambda _: self.engine.events().close()), 0)
        self.assertEqual(self.left_open(read), 0)
        self.assertEqual(self.left_open(lambda number: self.engine.pull(f"127.0.0.1:1/absent:{number}")), 0)
