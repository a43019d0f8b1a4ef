# -*- test-case-name: tests.unit.runtime.test_workers -*-
"""
The time that blocking calls are given to end before an agent does.

Note [The lease is kept while calls end]
    Pools of threads stop last, because nearly all parts use them. But the next agent can take over the lease, and with
    it all claims, only if the last beat was less than a TTL ago. So the time that calls in flight are given passes
    while the node still beats: this service stops before the heartbeat does, and the pools, which stop after it, do not
    wait a second time.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults

from daprdockr.runtime.workers import Workers


class Settling(Service):
    """Waits for the calls in flight of all ``pools`` at once when it stops."""

    def __init__(self, pools: Iterable[Workers]) -> None:
        self._pools = tuple(pools)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        ended = gatherResults([Deferred.fromCoroutine(pool.settle()) for pool in self._pools])
        return ended.addCallback(lambda _: None)
