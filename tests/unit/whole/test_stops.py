"""
Hundreds of containers that ignore the signal to end, and the stop of another service's container beside them; and stops
that the Engine refuses.
"""

from __future__ import annotations

import threading

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.agent.host.failures import Failures
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.model.errors import EngineFailed
from daprdockr.model.host import LABEL_INSTANCE, LABEL_NODE
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.run import RunState
from daprdockr.planning.container_steps import StopContainer
from daprdockr.runtime.workers import Stopped
from daprdockr.wiring.real import pools
from tests.build.jobs import job, records_in
from tests.build.values import definition
from tests.build.whole import TWO, resolved, starts
from tests.fakes.agents import MemoryCluster
from tests.fakes.engine import MemoryEngine
from tests.fakes.host import memory_host
from tests.fakes.run import LoopClock, OnePool, run_at_once

STUBBORN, POLITE = "stubborn:1", "polite:1"


@define(eq=False)
class BlockingEngine(MemoryEngine):
    """Answers a stop when the container has ended or its grace is over, as the real one does: here at the end."""

    released: threading.Event = field(factory=threading.Event)

    def stop(self, container: str, grace: int) -> None:
        if grace and container in self.stubborn:
            self.released.wait()
        MemoryEngine.stop(self, container, grace)

    stubborn: set[str] = field(factory=set)


class ManyStopsTests(TestCase):
    """With the threads that an agent has."""

    timeout = 60

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.engine = BlockingEngine(node="a")
        self.addCleanup(self.engine.released.set)
        for image in (STUBBORN, POLITE):
            self.engine.add_image(image)
        self.engine.stubborn_images.add(STUBBORN)
        failures = Failures(clock=LoopClock().seconds, chance=lambda: 0.0)
        self.host = memory_host(LoopClock(), self.engine, failures)
        self.stops = pools(reactor, docker_workers=2).engine.stops
        self.stops._grace = 0.05
        self.stops.startService()
        self.addCleanup(self.stops.stopService)
        self.steps = ContainerSteps(
            threads=EngineThreads(self.engine, OnePool(run_at_once), self.stops, OnePool(run_at_once)),
            host=self.host,
            pull=None,  # type: ignore[arg-type]  # steps stop containers here, and nothing else
            create=None,  # type: ignore[arg-type]
            delivery=None,  # type: ignore[arg-type]
            guarded=None,  # type: ignore[arg-type]
        )

    def run_one(self, name: str, image: str) -> StopContainer:
        """A container that runs, and the step that stops it."""
        labels = {LABEL_NODE: "a", LABEL_INSTANCE: name}
        container = self.engine.create(name, {"Image": image, "Labels": labels})
        self.host.containers.update(self.engine.start(container))
        if image == STUBBORN:
            self.engine.stubborn.add(container)
        return StopContainer(InstanceName.parse(name), container, 300, "deleted")

    async def test_others_stop(self) -> None:
        """Neither 200 of one service nor 200 of five services keep another service's from being stopped."""
        for services in (1, 5):
            names = [f"{number}.s{number % services}-of{services}.myapp" for number in range(1, 201)]
            steps = [self.run_one(name, STUBBORN) for name in names]
            for step in steps:
                Deferred.fromCoroutine(self.steps(step)).addErrback(lambda failure: failure.trap(Stopped))
            polite = self.run_one(f"1.web{services}.myapp", POLITE)
            stopped = Deferred.fromCoroutine(self.steps(polite))
            while (state := self.engine.inspect(polite.container)) is not None and state.running:
                await self.stops.of("test")(threading.Event().wait, 0.005)
            await self.host.inspect(polite.container)
            await stopped
            self.assertEqual(self.stops.trouble, "")


@define(eq=False)
class RefusingEngine(MemoryEngine):
    """It stops nothing as long as it ``refuses``, as when containerd cannot signal a process."""

    refuses: bool = False

    def ask_to_stop(self, container: str) -> None:
        if self.refuses:
            raise EngineFailed("cannot kill container: permission denied")
        MemoryEngine.ask_to_stop(self, container)

    def stop(self, container: str, grace: int) -> None:
        if self.refuses:
            raise EngineFailed("cannot kill container: permission denied")
        MemoryEngine.stop(self, container, grace)


class FailedStopTests(SynchronousTestCase):
    """A whole agent whose Engine stops nothing for a while."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.engine = RefusingEngine(node="a")
        self.agent = self.cluster.add("a", self.engine)

    def test_wanted_again(self) -> None:
        """A container whose stop failed serves when it is wanted again, without a start."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        before, self.engine.refuses = starts(self.agent), True
        self.cluster.define(definition(instances=1))
        self.cluster.advance(30)
        self.assertFalse(resolved(self.agent, b"2", b"web", b"myapp"))
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        self.assertEqual(starts(self.agent), before)
        self.assertTrue(self.cluster.claims[TWO].healthy)
        self.assertTrue(resolved(self.agent, b"2", b"web", b"myapp"))

    def test_overdue_run(self) -> None:
        """A run whose time is over is stopped as soon as the Engine does that again."""
        self.engine.refuses = True
        self.cluster.define(job(Deadline=20))
        self.cluster.advance(100)
        (number,) = [n for n, one in records_in(self.cluster.store).items() if one.state is RunState.RUNNING]
        self.engine.refuses = False
        self.cluster.advance(60)
        self.assertEqual(records_in(self.cluster.store)[number].state, RunState.FAILED)
