"""
The heartbeat: keeps this node's lease alive, and its record under that lease. Knows nothing of instances.

Note [When a lease is certain]
    etcd counts the lease's time from when it handled a beat, which was after we sent it. So from the moment of sending,
    by the monotonic clock, plus the TTL, the lease may be gone, whatever we believe; until then it is certain. After
    that ``lease`` is 0: nothing is claimed and no container is created, but nothing is stopped either.

Note [The lease outlives the agent]
    An agent's stop or crash does not end the lease; its id is in the state directory, and the next agent goes on with
    it if it comes within the TTL. Then no claim changed hands, no name left DNS.

Note [Two agents, one name]
    The node's record is created only if it does not exist. One under another lease is our own former self (state
    directory lost: it goes with its lease) or a second agent of this name (it stays). In both cases we wait and claim
    nothing: a second agent that took over claims would fight with the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.statedir import StateDir
from daprdockr.model.entries import Absent, Fence, Put
from daprdockr.model.errors import EtcdError
from daprdockr.model.records import NodeRecord
from daprdockr.model.seams import Run, Store


class Heartbeat(Service):
    """
    Beats three times per TTL, in threads of its own.

    :param run: runs a call to ``store`` in a thread that nothing else uses (design rule 4).
    :param key: the node's key. :param ttl: seconds, as asked of etcd.
    :param is_listed: whether the mirror shows the node's record under a lease.
    :param on_change: called when ``lease`` became certain, or stopped to be.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        run: Run,
        store: Store,
        key: str,
        record: NodeRecord,
        ttl: int,
        state: StateDir,
        is_listed: Callable[[int], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._store = store
        self._key = key
        self._record = record
        self._ttl = ttl
        self._state = state
        self._is_listed = is_listed
        self._on_change = on_change
        self._lease = 0
        self._until = 0.0
        self._registered = False
        self._trouble = ""
        self._told = 0
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._ended: Deferred[Any] | None = None

    @property
    def lease(self) -> int:
        """The lease this node holds for certain and is registered under, else 0. Note [When a lease is certain]."""
        return self._lease if self._registered and self._reactor.seconds() < self._until else 0

    @property
    def trouble(self) -> str:
        """Why there is no certain lease; empty while there is one."""
        return "" if self.lease else self._trouble or "etcd has not answered yet"

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(self._ttl / 3, now=True)

    def stopService(self) -> Deferred[Any] | None:
        """Ends the beats and leaves the lease: Note [The lease outlives the agent]."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return self._ended

    async def revoke(self) -> None:
        """End the lease, and with it all claims of this node: for an agent that takes its containers with it."""
        lease, self._lease, self._registered = self._lease, 0, False
        if lease:
            await self._run(self._store.revoke, lease)

    async def _beat(self) -> None:
        """Never raises: a LoopingCall whose function raised would be over for good."""
        try:
            if not await self._renew():
                await self._begin()
            if self._lease and not (self._registered and self._is_listed(self._lease)):
                await self._register()
        except EtcdError as error:
            self._tell(str(error))
        except Exception:
            self.log.failure("a heartbeat failed")
        if self.lease and self._trouble:
            self.log.info("this node holds its lease again")
            self._trouble = ""
        if self.lease != self._told:
            self._told = self.lease
            self._on_change()

    async def _renew(self) -> bool:
        sent = self._reactor.seconds()
        lease = self._lease or await self._run(self._state.read_lease)
        ttl = await self._run(self._store.keep_alive, lease) if lease else 0
        if ttl <= 0:
            if self._lease:
                self.log.warn("the lease {lease:x} of this node has ended", lease=self._lease)
            self._lease, self._registered = 0, False
            return False
        self._hold(lease, sent + ttl)
        return True

    async def _begin(self) -> None:
        sent = self._reactor.seconds()
        lease = await self._run(self._store.grant, self._ttl)
        self._hold(lease.id, sent + lease.ttl)
        self.log.info("this node has lease {lease:x} for {ttl} s", lease=lease.id, ttl=lease.ttl)
        await self._run(self._state.write_lease, lease.id)

    def _hold(self, lease: int, until: float) -> None:
        self._lease, self._until = lease, until

    async def _register(self) -> None:
        """See Note [Two agents, one name]."""
        value = self._record.encode()
        put = Put(self._key, value, self._lease)
        made = await self._run(self._store.commit, [Absent(self._key)], [put])
        if not made.succeeded:
            there = await self._run(self._store.get, self._key)
            if there is None or there.lease != self._lease:
                self._registered = False
                self._tell(f"{self._key} is held by another agent of this name, or for some seconds by a former one")
                return
            if there.value != value:
                await self._run(self._store.commit, [Fence(self._key, there.create_revision, self._lease)], [put])
        self._registered = True

    def _tell(self, trouble: str) -> None:
        """Log a new trouble once, not at every beat."""
        if trouble != self._trouble:
            self.log.warn("no heartbeat: {trouble}", trouble=trouble)
        self._trouble = trouble
