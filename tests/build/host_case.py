"""A host over a Docker Engine in memory, whose events a test lets arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.stock import Stock
from daprdockr.model.errors import EngineError, EngineFailed, EngineUnavailable
from daprdockr.model.host import ContainerState, Inventory, Status
from daprdockr.model.names import ServiceName
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Fault
from daprdockr.runtime.pool import Run
from tests.build.values import instance
from tests.fakes.engine import MemoryEngine
from tests.fakes.failures import OpenFailures
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.steps import SteppedListener
from tests.marked import marked

FIRST = instance(1)


class FlakyEngine(MemoryEngine):
    """
    Answers ``failures`` looks with an error ``failing_as``, and raises ``fault`` at the next list; ``untold`` is why it
    cannot say what the host has, raised as ``untold_as``.
    """

    failures = 0
    failing_as: type[EngineError] = EngineUnavailable
    fault: Exception | None = None
    untold = ""
    untold_as: type[EngineError] = EngineFailed

    def inventory(self) -> Inventory:
        if self.untold:
            raise self.untold_as(self.untold)
        return super().inventory()

    def containers(self) -> Sequence[ContainerState]:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return super().containers()

    def inspect(self, container: str) -> ContainerState | None:
        if self.failures:
            self.failures -= 1
            raise self.failing_as("the Docker Engine did not answer in time")
        return super().inspect(container)


class HostCase(SynchronousTestCase):
    """A host over a Docker Engine in memory; ``changes`` and ``answers`` are what it handed on."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.engine = FlakyEngine(node="a")
        self.engine.add_image("web:1")
        self.changes: list[ServiceName] = []
        self.answers = 0
        self.failures = OpenFailures(clock=self.clock.seconds, chance=lambda: 0.0)
        self.host = self.make()

    def make(self, run: Run = run_at_once) -> Host:
        stock = Stock(self.failures.pulled)
        containers = Containers(
            reactor=self.clock,
            failures=self.failures,
            on_changes=self.changed,
            on_cut_off=stock.doubt,
            wall=lambda: self.engine.now,
        )
        return Host(
            reactor=self.clock,
            run=run,
            engine=self.engine,
            listen=self.listen,
            containers=containers,
            stock=stock,
            on_answer=self.answered,
        )

    def listen(self, host: Host) -> SteppedListener:
        self.listener = SteppedListener(self.engine, host)
        return self.listener

    def changed(self, services: Iterable[ServiceName]) -> None:
        self.changes += services

    def answered(self) -> None:
        self.answers += 1

    def start(self) -> None:
        """Start, and let the first list arrive."""
        self.host.startService()
        self.step()

    def step(self) -> None:
        """The Engine's events arrive."""
        self.listener.step()
        self.clock.advance(0)

    def create(self, number: int = 1, node: str = "a") -> str:
        name = f"{number}-{node}"
        return self.engine.create(name, {"Image": "web:1", "Labels": marked(name, node, str(instance(number)))})

    def fail_once(self) -> None:
        """A step about the first instance's container fails."""
        lane = Lane("container", FIRST)
        self.failures.take(lane, Fault("port taken", lane, "port taken"))

    def run_one(self, number: int = 1) -> ContainerState:
        return self.engine.start(self.create(number))

    @property
    def known(self) -> dict[str, Status]:
        return {state.id: state.status for state in self.host.containers}
