# -*- test-case-name: tests.unit.agent.reconcile.test_container_steps -*-
"""
A container that is created: by which name, from which image, with which host ports, resolvers, volumes and values.

Decides nothing but the host ports, which are chosen at the last moment, when it shows which of them are free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.ports import check_fixed, choose_ports, is_free, with_each_protocol
from daprdockr.agent.reconcile.delivery import Delivery
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.network import ContainerNetwork
from daprdockr.model.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineUnavailable,
    ImageAbsent,
    NameTaken,
)
from daprdockr.model.host import LABEL_HEALTH, LABEL_ON_PARTITION, LABEL_RUN, ContainerState, Image, Port, Status
from daprdockr.model.names import InstanceName, shorten
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.privileges import needed_for, refusal
from daprdockr.planning.container_steps import CreateContainer
from daprdockr.planning.keeping.body import (
    MOST_EXPOSED,
    container_body,
    container_labels,
    container_names,
    published,
    unpublished,
)
from daprdockr.planning.keeping.resolvers import resolvers
from daprdockr.planning.situation import Here
from daprdockr.runtime.pool import Run

MOST_REFUSED = 64
"""Ports that the Engine refused are not chosen again until so many others were."""


class Creating:
    """
    :param failures: learns what containers run without.
    :param here: returns this node, as ``network`` does the network settings of containers, at the moment of the call.
    :param delivery: of their secrets and files.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    def __init__(
        self,
        *,
        threads: EngineThreads,
        host: Host,
        failures: Failures,
        here: Callable[[], Here],
        network: Callable[[], ContainerNetwork],
        delivery: Delivery,
        record_event: Callable[[str, str], None],
    ) -> None:
        self._engine = threads.engine
        self._work = threads.work
        self._host = host
        self._failures = failures
        self._here = here
        self._network = network
        self._delivery = delivery
        self._record_event = record_event
        self._refused: deque[int] = deque(maxlen=MOST_REFUSED)
        self._crowded: deque[str] = deque(maxlen=MOST_REFUSED)

    async def __call__(self, step: CreateContainer) -> None:
        """Carry out the step. :raises EngineError: the container is not there afterwards."""
        here, instance, definition = self._here(), step.instance, step.definition
        if here.allow is not None and (missing := definition.container.privileges - here.allow):
            raise EngineRefused(refusal(missing))
        run, network = self._work.of(step.instance.service), self._network()
        await self._check_volumes(run, definition, here)
        image = await self._image(run, definition)
        ports = () if step.run else await self._choose(run, step, image, network)
        dns = self._resolvers(step, network)
        for name in container_names(instance, definition, here.node, here.cluster):
            revisions = step.fence, step.defined
            labels = container_labels(instance, definition, name, here.node, here.cluster, revisions)
            labels |= _of_run(step)
            body = container_body(instance, definition, ports, labels, dns, network.addresses)
            body |= {"Cmd": list(step.command)} if step.command else {}
            try:
                container = await self._create(run, name, definition, body)
            except NameTaken:
                there = await self._holder(run, name)
                if there is None:
                    await run(self._delivery.remove, name)
                    continue
            else:
                there = _created(container, name, step, here, ports, labels[LABEL_HEALTH])
            self._host.containers.update(there)
            return
        raise NameTaken(f"{instance} has no name that is free: remove what is called like container {name}")

    async def _create(self, run: Run, name: str, definition: Definition, body: dict[str, Any]) -> str:
        """
        Return the id of a new container of this name.

        :raises EngineError: there is none, and none of its files is left; unless the Engine did not answer, because it
            may be there then, or has the name already.
        """
        try:
            handed = await self._delivery.prepare(run, name, definition)
            return await run(self._engine.create, name, handed.added_to(body))
        except (EngineUnavailable, NameTaken):
            raise
        except EngineError:
            await run(self._delivery.remove, name)
            raise

    async def _holder(self, run: Run, name: str) -> ContainerState | None:
        """
        Return this node's container that was created under this name; None if another one has the name, which may keep
        it: that of another owner, or one that cannot be inspected, and that no list has.
        """
        try:
            there = await run(self._engine.inspect, name)
        except EngineFailed:
            return None
        return None if there is None or there.made_as else there

    async def _check_volumes(self, run: Run, definition: Definition, here: Here) -> None:
        """:raises EngineRefused: a volume that is there already needs a privilege that is not allowed here."""
        for name in definition.container.named_volumes if here.allow is not None else ():
            volume = await run(self._engine.volume, name)
            if here.allow is not None and volume is not None and (missing := needed_for(volume) - here.allow):
                raise EngineRefused(f"volume {shorten(name)} leads out of the container: {refusal(missing)}")

    def _resolvers(self, step: CreateContainer, network: ContainerNetwork) -> tuple[str, ...]:
        """Return those that the container can reach from its own network."""
        service = step.instance.service
        found = resolvers(step.definition, network.resolvers, self._host.stock.inventory.networks)
        if found.lacking and found.lacking != self._failures.lacking.get(service):
            self._record_event(str(service), found.lacking)
        self._failures.lacks(service, found.lacking)
        return found.addresses

    async def _image(self, run: Run, definition: Definition) -> Image:
        """
        Return the image of the reference as it is now: since it was planned with, somebody may have built another under
        its tag.
        """
        reference = definition.image
        image = await run(self._engine.image, reference)
        if image is None:
            self._host.stock.removed(reference)
            raise ImageAbsent(f"image {reference} was removed from this host")
        self._host.stock.pulled(reference, image)
        if (more := unpublished(definition, image)) and image.id not in self._crowded:
            self._crowded.append(image.id)
            text = f"exposes {more} ports more than the {MOST_EXPOSED} that are published unnamed"
            self._record_event(reference, f"{text}: name those that you need in Container.ExposedPorts")
        return image

    async def _choose(
        self, run: Run, step: CreateContainer, image: Image, network: ContainerNetwork
    ) -> tuple[Port, ...]:
        """Return a host port for each port to publish, where possible the planned one."""
        planned = {(port.container, port.protocol): port for port in step.ports}
        fixed = {(port.container, port.protocol): port for port in step.definition.container.host_ports}
        wanted = [planned.get(key, Port(*key)) for key in published(step.definition, image) if key not in fixed]
        free, here = partial(is_free, addresses=network.addresses), self._held(step.instance)
        if fixed:
            await run(check_fixed, fixed.values(), {**here, **network.held}, free)
        taken = with_each_protocol(self._refused).union(here, network.routes)
        return tuple(sorted([*fixed.values(), *await run(choose_ports, step.instance, wanted, taken, free)]))

    def refused(self, port: int) -> None:
        """Do not choose this host port again for now: the Engine refused it."""
        self._refused.append(port)

    def _held(self, instance: InstanceName) -> dict[tuple[str, int], str]:
        """
        Return the host ports of all other instances here, running or not, and of running copies of this one, each with
        who has it.
        """
        others = [c for c in self._host.containers if c.instance != instance or c.running]
        return {(p.protocol, p.host): f"it is a host port of {c.instance}" for c in others for p in c.ports if p.host}


def _of_run(step: CreateContainer) -> dict[str, str]:
    """Return the labels of the container of a run, which needs no guard: it is begun once, whatever its node does."""
    return {LABEL_RUN: str(step.run), LABEL_ON_PARTITION: "keep"} if step.run else {}


def _created(
    container: str, name: str, step: CreateContainer, here: Here, ports: tuple[Port, ...], check: str
) -> ContainerState:
    """We already know the state of a container that we just created; inspecting it would add 10 % to the cost."""
    return ContainerState(
        id=container,
        name=name,
        instance=step.instance,
        definition=step.definition.digest,
        status=Status.CREATED,
        cluster=here.cluster,
        revision=step.fence,
        ports=ports,
        stop_timeout=step.definition.stop_timeout,
        on_partition="keep" if step.run else step.definition.on_partition,
        defined=step.defined,
        run=step.run,
        check=check,
        volumes=step.definition.container.kept_volumes,
    )
