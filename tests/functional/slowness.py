"""
Services of one agent that are slow, each in its own way, and the repair of another one beside them.

    with Slowness(agent) as slow:
        slow.begin("checks", "stops")
        seconds = slow.repair()
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from types import TracebackType

from tests.functional.agent_process import AgentProcess
from tests.functional.docker_engine import sample_image, until

KINDS = ("slow checks", "hanging checks", "stops", "pulls")
PATIENCE = 90.0
IGNORES_TERM = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


class Slowness:
    """Of an agent that runs. ``web`` is the service that is repaired."""

    def __init__(self, agent: AgentProcess) -> None:
        self.agent = agent
        self.web = f"web.{agent.group}"
        self._begin: dict[str, Callable[[], None]] = {
            "slow checks": self._slow_checks,
            "hanging checks": self._hanging_checks,
            "stops": self._stops,
            "pulls": self._pulls,
        }
        self._closed = contextlib.ExitStack()

    def __enter__(self) -> Slowness:
        self.agent.define(self.web, 1, sample_image(), Health={"Type": "none"})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.close()

    def begin(self, *kinds: str) -> None:
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

    def _check(self, name: str, instances: int, command: list[str]) -> None:
        self._put(name, instances, {"Image": sample_image()}, Health={"Type": "exec", "Cmd": command})

    def _put(self, name: str, instances: int, container: dict[str, object], **more: object) -> None:
        definition = {"Name": name, "Group": self.agent.group, "Instances": instances, "Container": container, **more}
        self.agent.command("-stdin", stdin=json.dumps(definition))

    def _running(self, name: str) -> int:
        return len(self.agent.ids(f"{name}.{self.agent.group}"))
