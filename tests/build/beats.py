"""Heartbeats over one etcd in memory."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.kept_lease import KeptLease
from daprdockr.agent.membership.registration import Registration
from daprdockr.agent.statedir import StateDir
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.pool import Run
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

KEY = "/p/nodes/a"
RECORD = NodeRecord(("10.0.0.1",), {"zone": "a"}, "1")
TTL = 6
BOOTED = 1000.0
"""Boottime at the beginning: another clock than the reactor's."""


class FaultyStore(MemoryStore):
    """Raises ``fault`` at the next beat."""

    fault: Exception | None = None

    def keep_alive(self, lease: int) -> int:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return super().keep_alive(lease)


class HeartbeatCase(SynchronousTestCase):
    """
    Heartbeats over one etcd in memory; ``listed`` is what the mirror says, ``changes`` has the lease at each call of
    ``on_change``, ``beats`` each report of the signal of that name, and ``regained`` when the one of that name came.
    """

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.store = FaultyStore()
        self.state = self.directory()
        self.listed = True
        self.changes: list[int] = []
        self.beats: list[tuple[int, float]] = []
        self.regained: list[float] = []

    def directory(self) -> StateDir:
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        return StateDir(path)

    def make(
        self,
        state: StateDir | None = None,
        run: Run = run_at_once,
        record: NodeRecord = RECORD,
        disk: Run | None = None,
    ) -> Heartbeat:
        beat = Heartbeat(
            reactor=self.clock,
            etcd=Connection(self.store, run, Outage(self.clock.seconds)),
            registration=Registration(
                run=run, store=self.store, key=KEY, record=lambda steady: record, is_listed=lambda lease: self.listed
            ),
            ttl=TTL,
            kept=KeptLease(state=state or self.state, run=disk or run),
            on_change=lambda: self.changes.append(beat.lease),
            boottime=lambda: BOOTED + self.clock.seconds(),
        )
        beat.beats.subscribe(lambda lease, until, ttl: self.beats.append((lease, until)))
        beat.regained.subscribe(lambda: self.regained.append(self.clock.seconds()))
        return beat

    def started(self, state: StateDir | None = None, record: NodeRecord = RECORD) -> Heartbeat:
        beat = self.make(state, record=record)
        beat.startService()
        return beat

    def stop(self, beat: Heartbeat) -> None:
        stopped = beat.stopService()
        assert stopped is not None
        self.successResultOf(stopped)

    def advance(self, seconds: float) -> None:
        """Time passes for etcd and for the agent."""
        for _ in range(round(seconds * 2)):
            self.store.advance(0.5)
            self.clock.advance(0.5)

    @property
    def entry(self) -> Entry:
        found = self.store.get(KEY)
        assert found is not None
        return found
