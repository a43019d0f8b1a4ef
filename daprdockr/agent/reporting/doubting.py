# -*- test-case-name: tests.unit.whole.test_restored -*-
"""
Reports to etcd, under the node's lease, that this node does not believe it, and which instances have a container here:
for ``trust-etcd`` to show.

This is all that an agent writes into an etcd it doubts, beside its node's record.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.host.host import Host
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import MOST_INSTANCES, DoubtRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

POLL = 2.0
"""Seconds between two checks of what should be reported."""


class Doubting(Periodic):
    """
    :param key: the node's key for the report.
    :param lease: returns the lease this node holds for certain, otherwise 0.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        store: Store,
        key: str,
        mirror: Mirror,
        host: Host,
        lease: Callable[[], int],
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="the doubt about etcd could not be reported to it")
        self._run = run
        self._store = store
        self._key = key
        self._mirror = mirror
        self._host = host
        self._lease = lease
        # An earlier agent may have reported something.
        self._reported: tuple[DoubtRecord | None, int] | None = None

    async def poll(self) -> None:
        report = (self._record(), self._lease())
        if report[0] is None:
            report = (None, 0)
            ready = self._mirror.in_touch
        else:
            ready = report[1] != 0
        if ready and report != self._reported:
            await self._write(*report)

    async def _write(self, record: DoubtRecord | None, lease: int) -> None:
        try:
            if record is None:
                if await self._run(self._store.get, self._key) is not None:
                    await self._run(self._store.commit, [], [Delete(self._key)])
            else:
                await self._run(self._store.put, self._key, record.encode(), lease)
        except EtcdError as error:
            self.log.info("the doubt about etcd was not reported to it: {reason}", reason=error)
        else:
            self._reported = (record, lease)

    def _record(self) -> DoubtRecord | None:
        doubt, cluster = self._mirror.doubt, self._mirror.cluster
        if doubt is None:
            return None
        waiting = (container for container in self._host.containers.held_back if not container.made_as)
        here = (*self._host.containers, *waiting)
        ours = [container for container in here if container.cluster == cluster.identity]
        # Of several containers of an instance the running one counts.
        ours.sort(key=lambda container: (container.running, container.started))
        instances = sorted({container.instance: container.definition for container in ours}.items())
        return DoubtRecord(
            number=doubt.number,
            reason=doubt.reason,
            identity=cluster.identity,
            revision=cluster.revision,
            instances={str(instance): definition for instance, definition in instances[:MOST_INSTANCES]},
            unlisted=len(instances[MOST_INSTANCES:]),
        )
