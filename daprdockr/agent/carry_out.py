"""
Carrying out steps: for each kind of step the one call it makes, and what its outcome changes in mirror and host.

Decides nothing. A step that fails raises; what that means for the next try is the reconcile loop's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daprdockr.agent.host import Host
from daprdockr.agent.mirror import Mirror
from daprdockr.agent.ports import choose_ports, is_free
from daprdockr.model.entries import Absent, Condition, Delete, Deleted, Entry, Fence, Operation, Put
from daprdockr.model.errors import DaprdockrError, EngineError, ImageAbsent
from daprdockr.model.host import Port
from daprdockr.model.keys import Keys
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Engine, Run, Store
from daprdockr.planning.body import container_body, container_labels, container_name
from daprdockr.planning.situation import Here
from daprdockr.planning.steps import (
    CreateContainer,
    PullImage,
    ReleaseClaim,
    RemoveContainer,
    StartContainer,
    Step,
    StopContainer,
    TakeClaim,
    WriteClaim,
)


class ClaimLost(DaprdockrError):
    """Another node was first, or the claim is not ours any more; the watch will tell."""


class Hands:
    """
    :param run_etcd: runs a call to ``store`` in a thread.
    :param run_docker: runs a call to ``engine`` in a thread.
    :param run_stops: the same for calls that take long: a stop holds its thread for the whole grace of a container.
    :param here: this node, as it is at the moment of the call.
    :param resolvers: addresses that containers get as DNS servers.
    """

    def __init__(
        self,
        *,
        keys: Keys,
        store: Store,
        engine: Engine,
        run_etcd: Run,
        run_docker: Run,
        run_stops: Run,
        mirror: Mirror,
        host: Host,
        here: Callable[[], Here],
        resolvers: Callable[[], Sequence[str]],
    ) -> None:
        self._keys = keys
        self._store = store
        self._engine = engine
        self._run_etcd = run_etcd
        self._run_docker = run_docker
        self._run_stops = run_stops
        self._mirror = mirror
        self._host = host
        self._here = here
        self._resolvers = resolvers

    async def __call__(self, step: Step) -> None:
        """
        Carry out one step.

        :raises EtcdError, EngineError: as the adapters do. :raises ClaimLost: a transaction's condition did not hold.
        """
        match step:
            case TakeClaim():
                await self._take(step)
            case WriteClaim():
                await self._write(step)
            case ReleaseClaim():
                await self._release(step)
            case PullImage():
                await self._pull(step)
            case CreateContainer():
                await self._create(step)
            case StartContainer():
                await self._start(step)
            case StopContainer():
                await self._stop(step)
            case RemoveContainer():
                await self._run_stops(self._engine.remove, step.container)
                self._host.forget(step.container)

    async def _take(self, step: TakeClaim) -> None:
        key, value, lease = self._keys.claim(step.instance), step.record.encode(), self._here().lease
        revision = await self._commit(step.instance, Absent(key), Put(key, value, lease))
        self._mirror.note(Entry(key, value, revision, revision, lease))

    async def _write(self, step: WriteClaim) -> None:
        key, value, lease = self._keys.claim(step.instance), step.record.encode(), self._here().lease
        revision = await self._commit(step.instance, Fence(key, step.fence, lease), Put(key, value, lease))
        self._mirror.note(Entry(key, value, step.fence, revision, lease))

    async def _release(self, step: ReleaseClaim) -> None:
        key = self._keys.claim(step.instance)
        revision = await self._commit(step.instance, Fence(key, step.fence, self._here().lease), Delete(key))
        self._mirror.note(Deleted(key, revision))

    async def _commit(self, instance: InstanceName, condition: Condition, operation: Operation) -> int:
        if not self._here().lease:
            raise ClaimLost(f"this node has no lease to hold {instance} under")
        commit = await self._run_etcd(self._store.commit, [condition], [operation])
        if not commit.succeeded:
            raise ClaimLost(f"the claim of {instance} is not this node's")
        return commit.revision

    async def _pull(self, step: PullImage) -> None:
        image = await self._run_docker(self._engine.image, step.reference)
        if image is None:
            await self._run_stops(self._engine.pull, step.reference)
            image = await self._run_docker(self._engine.image, step.reference)
        if image is None:
            raise ImageAbsent(f"image {step.reference} is not there after it was pulled")
        self._host.pulled(step.reference, image)

    async def _create(self, step: CreateContainer) -> None:
        here, instance, definition = self._here(), step.instance, step.definition
        ports = await self._run_docker(choose_ports, instance, step.ports, self._taken(instance), is_free)
        labels = container_labels(instance, definition, here.node, here.cluster, step.fence)
        body = container_body(instance, definition, ports, labels, self._resolvers())
        try:
            container = await self._run_docker(self._engine.create, container_name(instance, definition), body)
        except ImageAbsent:
            self._host.images.pop(definition.container.image, None)
            raise
        await self._host.look_at(container)

    async def _start(self, step: StartContainer) -> None:
        try:
            state = await self._run_docker(self._engine.start, step.container)
        except EngineError:
            await self._host.look_at(step.container)  # it tells why it could not start, which decides what comes next
            raise
        self._host.update(state)

    async def _stop(self, step: StopContainer) -> None:
        self._host.stopping(step.container)
        await self._run_stops(self._engine.stop, step.container, step.grace)
        await self._host.look_at(step.container)

    def _taken(self, instance: InstanceName) -> set[tuple[str, int]]:
        """The host ports of all other instances here, whether their containers run or not."""
        others: list[Port] = [p for c in self._host.containers if c.instance != instance for p in c.ports]
        return {(port.protocol, port.host) for port in others}
