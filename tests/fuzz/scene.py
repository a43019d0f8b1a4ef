"""
The subject of the fuzzing: one whole agent over etcd and an Engine in memory, with containers that must stay as they
are whatever is written; and the checks that notice when something goes wrong.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.logger import ILogObserver, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Delete
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, WEB
from tests.fakes.agents import MemoryAgent, MemoryCluster

KEPT = ServiceName(group="safe", service="keep")
STOPPED = ServiceName(group="safe", service="stop")
SAFE = (KEPT, STOPPED)
HTTP = {"HostName": "keep.example", "ContainerPort": "8080"}


@implementer(ILogObserver)
class Hearing:
    """The log meanwhile: ``tracebacks`` has the failures, ``lines`` counts the lines that people would read."""

    def __init__(self) -> None:
        self.tracebacks: list[str] = []
        self.lines = 0

    def __call__(self, event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None or event["log_level"] >= LogLevel.error:
            self.tracebacks.append(failure.getTraceback() if failure else str(event.get("log_format")))
        elif event["log_level"] >= LogLevel.info:
            self.lines += 1

    def __enter__(self) -> Hearing:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)


class Place(SynchronousTestCase):
    """The cluster in memory wants a test that it is part of."""

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        """Nothing by itself."""


class Scene:
    """One node, ``a``, that has three services: two which must stay, and one about which anything may be said."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="fuzz-")
        self.cluster = MemoryCluster(Place())
        self.store = self.cluster.store
        self.path = Path(self._home.name) / "state"
        self.agent: MemoryAgent = self.cluster.add("a", state_dir=self.path)
        self.cluster.advance(8)
        self._define(KEPT, Instances=2, Http=HTTP)
        self._define(STOPPED, OnPartition="stop")
        self._define(WEB)
        self.cluster.advance(3)
        self.before = self.running()
        assert len(self.before) == 3, self.before

    def _define(self, name: ServiceName, **members: Any) -> None:
        given = {"Name": name.service, "Group": name.group, "Container": {"Image": "web:1"}, **members}
        self.cluster.define(Definition.read(given))

    def running(self) -> list[tuple[str, str, float]]:
        """The containers that must stay, each with the time of its start."""
        return [(str(c.instance), c.id, c.started) for c in self.agent.running if c.instance.service in SAFE]

    def restart(self) -> None:
        """The agent crashes, and another one takes up what it left."""
        self.cluster.crash(self.agent)
        self.agent = self.cluster.succeed(self.agent)

    def settle(self, seconds: float = 0.1) -> None:
        """Let news travel. An agent that etcd's history made doubt is shown all of it again."""
        self.cluster.advance(seconds)
        if self.agent.mirror.trouble.startswith("frozen"):
            self.agent.follower.list_again()

    def wrong(self) -> str:
        """A description of what is not as it must be; empty when all is well."""
        now = self.running()
        if now != self.before:
            return f"healthy containers were touched: {self.before} became {now}"
        zone = self.agent.zone
        if zone is None or zone.lookup((b"1", b"keep", b"safe")) is None:
            return "the name of a healthy instance is gone"
        return ""

    def works(self) -> str:
        """Why it does no work any more: a service that is defined now does not run. Empty when all is well."""
        name = ServiceName(group="proof", service="work")
        self._define(name)
        self.settle(20)
        running = [c for c in self.agent.running if c.instance.service == name]
        self.cluster.delete(name)
        self.settle(20)
        left = [c for c in self.agent.docker.states if c.instance.service == name]
        troubles = "; ".join(self.agent.troubles())
        is_well = len(running) == 1 and not left and not troubles
        return "" if is_well else f"no work is done: {running} {left} {troubles}"

    def forget(self) -> None:
        """Compact the history, which a real etcd has on its disk, and delete the events that would have ended."""
        events = self.store.list(KEYS.events).entries
        for entry in events:
            self.store.commit([], [Delete(entry.key)])
        self.store.calls.clear()
        self.store.compact(self.store.revision)
        self.agent.follower.list_again()
        self.cluster.advance(0.1)

    def close(self) -> None:
        self.agent.state.unlock()
        self._home.cleanup()
