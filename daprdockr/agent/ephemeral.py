"""Removes at exit what an agent otherwise leaves running: for demos and tests (``--ephemeral``)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.model.errors import EngineError, EtcdError
from daprdockr.model.host import ContainerState
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Run


class Ephemeral(Service):
    """
    Stops and removes all containers of this node, and ends its lease, when the service stops.

    :param run: runs the Engine's calls in threads.
    :param is_foreign: returns whether a container may be another's, which goes on running.
    :param clear: removes what a container leaves on this host; in a thread.
    """

    log = Logger()

    def __init__(
        self,
        *,
        run: Run,
        engine: Engine,
        heartbeat: Heartbeat,
        is_foreign: Callable[[ContainerState], bool],
        clear: Callable[[ContainerState], None] = lambda container: None,
    ) -> None:
        self._run = run
        self._engine = engine
        self._heartbeat = heartbeat
        self._is_foreign = is_foreign
        self._clear = clear

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._take_down())

    async def _take_down(self) -> None:
        try:
            listed = await self._run(self._engine.containers)
        except EngineError as error:
            self.log.warn("the containers of this node stay: {reason}", reason=error)
            return
        containers = [container for container in listed if not self._is_foreign(container)]
        await gatherResults([Deferred.fromCoroutine(self._remove(container)) for container in containers])
        self.log.info("{count} containers were taken down", count=len(containers))
        try:
            await self._heartbeat.revoke()
        except EtcdError as error:
            self.log.warn("the lease of this node ends by itself: {reason}", reason=error)

    async def _remove(self, container: ContainerState) -> None:
        try:
            await self._run(self._engine.stop, container.id, container.stop_timeout)
            await self._run(self._engine.remove, container.id)
            await self._run(self._clear, container)
        except EngineError as error:
            self.log.warn("container {id} stays: {reason}", id=container.id[:12], reason=error)
