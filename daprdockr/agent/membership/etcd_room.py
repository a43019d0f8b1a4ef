"""
How much room etcd has left, as this agent has seen it: for the status, the page and the metrics.

Each agent asks for itself, because an agent that keeps etcd in order may be on another node, and one that etcd does not
let write cannot report anything. It asks seldom, since the answer changes slowly: that etcd is full is known from
refused writes.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from daprdockr.model.errors import EtcdError
from daprdockr.model.etcd_look import EtcdLook, KnownRoom
from daprdockr.model.seams import EtcdUpkeep
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

POLL = 15.0
"""Seconds between two questions until the first answer."""

INTERVAL, TROUBLED = 300.0, 60.0
"""The same while all is well, and while something is wrong: a member that does not answer costs a thread some time."""


class EtcdRoom(Periodic):
    """:param wall: returns the time in seconds since the epoch."""

    def __init__(self, *, reactor: IReactorTime, run: Run, etcd: EtcdUpkeep, wall: Callable[[], float]) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="the room in etcd could not be looked at")
        self._reactor = reactor
        self._run = run
        self._etcd = etcd
        self._wall = wall
        self._due = 0.0
        self.known: KnownRoom | None = None
        """The room that was seen last; None until etcd has answered."""

    async def poll(self) -> None:
        now = self._reactor.seconds()
        if now < self._due:
            return
        try:
            look = await self._run(self._etcd.look)
        except EtcdError:
            return  # other parts report an etcd that does not answer; the room that was seen last stays
        self.known = self._seen(look)
        self._due = now + (TROUBLED if self.known.troubles else INTERVAL)

    def _seen(self, look: EtcdLook) -> KnownRoom:
        before, wall = self.known, self._wall()
        if before is None:
            return KnownRoom(look, wall)
        compacted_at = wall if look.compacted > before.look.compacted else before.compacted_at
        return KnownRoom(look, wall, compacted_at)
