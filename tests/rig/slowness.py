"""
Services of one agent that are slow, each in its own way, and the repair of another one beside them.

    with Slowness(etcd_urls) as slow:
        slow.begin("checks", "stops")
        seconds = slow.repair()
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from types import TracebackType

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.engine_proxy import EngineProxy
from tests.rig.hanging_disk import HangingDisk
from tests.rig.hanging_disk import missing as no_disk

KINDS = ("slow checks", "hanging checks", "stops", "pulls", "lists", "commands", "disk")
LATE = 20.0
"""Seconds that the Engine takes for a list of containers, or to start a command in one."""
PATIENCE = 90.0
HTTP = {"HostName": "written.test", "ContainerPort": "8080"}
IGNORES_TERM = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


class Slowness:
    """
    An agent whose state directory lies on a disk of its own, and whose Engine is behind a proxy. ``web`` is the service
    that is repaired.
    """

    def __init__(self, etcd: str) -> None:
        self._closed = contextlib.ExitStack()
        self._proxy = self._closed.enter_context(EngineProxy(engine_url()))
        self.agent = AgentProcess(etcd, self._proxy.url)
        self._disk = HangingDisk(self.agent.state) if no_disk() is None else None
        self.web = f"web.{self.agent.group}"
        self._begin: dict[str, Callable[[], None]] = {
            "slow checks": self._slow_checks,
            "hanging checks": self._hanging_checks,
            "stops": self._stops,
            "pulls": self._pulls,
            "lists": lambda: self._proxy.delays("GET /containers/json", LATE),
            "commands": self._commands,
            "disk": self._freeze,
        }

    def __enter__(self) -> Slowness:
        if self._disk is not None:
            self._closed.callback(shutil.rmtree, self.agent.home, True)
            self._closed.callback(self._disk.close)
        self._closed.callback(self.agent.close)
        self.agent.engine = engine_url()  # what a test asks, and what remains, is not late
        try:
            self._begin_repaired()
        except BaseException:
            self._closed.close()
            raise
        return self

    def _begin_repaired(self) -> None:
        self.agent.engine = self._proxy.url
        self.agent.start(ttl=6)
        self.agent.engine = engine_url()
        self.agent.define(self.web, 1, sample_image(), Health={"Type": "none"})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._disk is not None:
            self._disk.thaw()
        self._closed.close()

    def begin(self, *kinds: str) -> None:
        """Let these be slow from now on; a disk only where there can be one that hangs: ``hanging_disk.missing``."""
        for kind in kinds:
            self._begin[kind]()

    def repair(self) -> float:
        """Kill the container of ``web`` from outside; seconds until it runs again."""
        (container,) = self.agent.ids(self.web)
        before = self.agent.pid_of(container)
        os.kill(before, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: self.agent.pid_of(container) not in (0, before), PATIENCE)
        return time.monotonic() - killed

    def _slow_checks(self) -> None:
        """Forty instances whose command takes 1.5 s and succeeds."""
        self._check("checked", 40, ["sleep", "1.5"])
        self.agent.command("wait", f"checked.{self.agent.group}", "-timeout", str(int(PATIENCE)))

    def _hanging_checks(self) -> None:
        """Ten instances whose command never ends."""
        self._check("hanging", 10, ["sleep", "1000"])
        until(lambda: self._running("hanging") == 10, PATIENCE)

    def _stops(self) -> None:
        """Ten containers that ignore TERM, with a long time to end in, are being stopped."""
        self._put(
            "stubborn", 10, {"Image": sample_image(), "Cmd": IGNORES_TERM}, Health={"Type": "none"}, StopTimeout=300
        )
        until(lambda: self._running("stubborn") == 10, PATIENCE)
        self.agent.command("-svc", f"stubborn.{self.agent.group}", "-del")

    def _pulls(self) -> None:
        """Ten images of a registry that takes connections and says nothing."""
        silent = self._closed.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = silent.getsockname()[1]
        for number in range(10):
            self._put(f"pulled{number}", 1, {"Image": f"127.0.0.1:{port}/image:{number}"})

    def _commands(self) -> None:
        """Ten instances whose check is a command that the Engine is long to start."""
        self._check("late", 10, ["true"])
        until(lambda: self._running("late") == 10, PATIENCE)
        self._proxy.delays("POST /exec/[^/]+/start", LATE)

    def _freeze(self) -> None:
        """The disk hangs, and something is to be written to it."""
        if self._disk is not None:
            self._disk.freeze()
            self._put("written", 1, {"Image": sample_image()}, Health={"Type": "none"}, Http=HTTP)

    def _check(self, name: str, instances: int, command: list[str]) -> None:
        self._put(name, instances, {"Image": sample_image()}, Health={"Type": "exec", "Cmd": command})

    def _put(self, name: str, instances: int, container: dict[str, object], **more: object) -> None:
        definition = {"Name": name, "Group": self.agent.group, "Instances": instances, "Container": container, **more}
        self.agent.command("-stdin", stdin=json.dumps(definition))

    def _running(self, name: str) -> int:
        return len(self.agent.ids(f"{name}.{self.agent.group}"))
