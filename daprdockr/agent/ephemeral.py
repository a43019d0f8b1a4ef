"""Taking down at exit what an agent otherwise leaves running: for demos and tests (``--ephemeral``)."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from daprdockr.agent.heartbeat import Heartbeat
from daprdockr.model.host import ContainerState
from daprdockr.model.seams import Engine, Run


class Ephemeral(Service):
    """
    Stops and removes all containers of this node, and ends its lease, when the service stops.

    :param run: runs the Engine's calls in threads.
    """

    log = Logger()

    def __init__(self, *, run: Run, engine: Engine, heartbeat: Heartbeat) -> None:
        self._run = run
        self._engine = engine
        self._heartbeat = heartbeat

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._take_down())

    async def _take_down(self) -> None:
        containers = await self._run(self._engine.containers)
        await gatherResults([Deferred.fromCoroutine(self._remove(container)) for container in containers])
        self.log.info("{count} containers were taken down", count=len(containers))
        await self._heartbeat.revoke()

    async def _remove(self, container: ContainerState) -> None:
        await self._run(self._engine.stop, container.id, container.stop_timeout)
        await self._run(self._engine.remove, container.id)
