# -*- test-case-name: tests.unit.agent.reconcile.test_container_steps,tests.unit.whole.test_stops -*-
"""
Carrying out steps about images and containers: the calls to the Engine, and what their outcome changes in the host.

Decides nothing.

Note [A stop waits without a thread]
    The Engine can stop a container by itself, and answers when it has ended, which may take the whole grace of a
    container that ignores its signal. Some hundred of those, deleted together, would hold every thread there is, and
    another service's container would not be stopped meanwhile. So the Engine is only asked to send the signal; its
    events report that the container ended, or a list if those were lost, and after its grace it is killed. An agent
    that ends in between leaves it to the next one, which finds the container running and begins again.

Note [Started once]
    The answer to a start may be lost, and the container run and end before the next attempt, which would run it again.
    The container of a run may not: it is started only if the Engine says, immediately before, that it never was.
"""

from __future__ import annotations

from typing import assert_never

from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.host.host import Host
from daprdockr.agent.reconcile.creating import Creating
from daprdockr.agent.reconcile.delivery import Delivery
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.pulling import Pulling
from daprdockr.agent.reconcile.whose_fault import whose_fault
from daprdockr.model.errors import EngineError, EngineRefused, EngineSilent, PortTaken
from daprdockr.model.host import ContainerState, Status
from daprdockr.planning.container_steps import (
    ContainerStep,
    CreateContainer,
    OnContainer,
    PullImage,
    RemoveContainer,
    RenewFiles,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.outcome import Done, StepOutcome
from daprdockr.runtime.pool import Run


class ContainerSteps:
    """
    :param threads: services share ``work`` and ``stops``, registries ``pulls``.
    :param pull: carries out ``PullImage``, as ``create`` does ``CreateContainer``.
    :param guarded: allows the start of a container that may not outlive this node's lease.
    """

    def __init__(
        self,
        *,
        threads: EngineThreads,
        host: Host,
        pull: Pulling,
        create: Creating,
        delivery: Delivery,
        guarded: Guarded,
    ) -> None:
        self._engine = threads.engine
        self._threads = threads
        self._host = host
        self._pull = pull
        self._create = create
        self._delivery = delivery
        self._guarded = guarded

    async def __call__(self, step: ContainerStep) -> StepOutcome:
        """Carry out one step; return its outcome."""
        generation = self._generation(step)
        try:
            await self.attempt(step)
        except EngineError as error:
            return whose_fault(step, error, generation, away=self._host.trouble != "")
        return Done()

    def _generation(self, step: ContainerStep) -> str:
        """Return which copy of an instance the step is for: the digest of its definition, "" where that is unknown."""
        match step:
            case CreateContainer():
                return step.definition.digest
            case StartContainer():
                return self._host.containers.digest_of(step.container)
            case _:
                return ""

    async def attempt(self, step: ContainerStep) -> None:
        """Carry out one step, but raise its error. :raises EngineError: as the Engine's adapter does."""
        match step:
            case PullImage():
                await self._pull(step)
            case CreateContainer():
                await self._create(step)
            case StartContainer():
                await self._start(step)
            case RenewFiles():
                await self._renew(step)
            case StopContainer():
                await self._stop(step)
            case RemoveContainer():
                await self._remove(step)
            case _:
                assert_never(step)

    async def _start(self, step: StartContainer) -> None:
        known = self._host.containers.get(step.container)
        if known is not None and known.run and await self._was_started(step):
            return
        guarded = known if known is not None and known.on_partition == "stop" else None
        if guarded is not None:
            await self._guarded.admit(guarded)
        if known is not None:
            await self._delivery.before_start(self._work(step), known)
        try:
            state = await self._work(step)(self._engine.start, step.container)
        except EngineError as error:
            if isinstance(error, PortTaken):
                self._create.refused(error.port)
            if not isinstance(error, EngineSilent):  # which locks the container: no inspection would be answered
                await self._host.inspect(step.container)  # why it could not start decides what comes next
            raise
        self._host.containers.update(state)
        if guarded is not None and state.running:
            await self._check_guarded(step, state)

    async def _was_started(self, step: StartContainer) -> bool:
        """See Note [Started once]."""
        there = await self._work(step)(self._engine.inspect, step.container)
        if there is None or there.status is Status.CREATED:
            return False
        self._host.containers.update(there)
        return True

    async def _check_guarded(self, step: StartContainer, before: ContainerState) -> None:
        """
        See Note [Before a start, and after] in ``daprdockr.agent.guarding.guarded``. A container that ended cannot be
        seen either, so only one that ran before and after the inspection proves anything.

        :raises EngineRefused: the container could not be guarded, and was stopped.
        """
        blindness = await self._guarded.blindness(step.container)
        after = await self._work(step)(self._engine.inspect, step.container) if blindness else None
        if after is not None and after.running and after.started == before.started:
            self._guarded.refuse(blindness)
            await self._stop(StopContainer(step.instance, step.container, 0, blindness))
            raise EngineRefused(blindness)

    async def _renew(self, step: RenewFiles) -> None:
        known = self._host.containers.get(step.container)
        if known is not None and known.running:
            await self._delivery.renew(self._work(step), known)

    async def _remove(self, step: RemoveContainer) -> None:
        known = self._host.containers.get(step.container)
        await self._stops(step)(self._engine.remove, step.container)
        self._host.containers.forget(step.container)
        if known is not None:
            await self._work(step)(self._delivery.remove, known.mark)

    async def _stop(self, step: StopContainer) -> None:
        """See Note [A stop waits without a thread]."""
        self._host.containers.stopping(step.container, step.reason if step.unhealthy else "")
        try:
            await self._have_it_stopped(step)
        except Exception:  # whatever it is: a container that seems to be stopped would never serve again
            self._host.containers.stop_failed(step.container)
            raise

    async def _have_it_stopped(self, step: StopContainer) -> None:
        if step.grace:
            await self._stops(step)(self._engine.ask_to_stop, step.container)
            if await self._host.containers.wait_for_end(step.container, step.grace):
                return
        await self._stops(step)(self._engine.stop, step.container, 0)
        await self._host.inspect(step.container)

    def _work(self, step: OnContainer) -> Run:
        return self._threads.work.of(step.instance.service)

    def _stops(self, step: OnContainer) -> Run:
        return self._threads.stops.of(step.instance.service)
