"""
The heartbeat: keeps this node's lease alive, and has its record kept under that lease. Knows nothing of instances.

Note [When a lease is certain]
    etcd counts the lease's time from when it handled a beat, which was after we sent it. So from the moment of sending,
    by the monotonic clock, plus the TTL, the lease may be gone, whatever we believe; until then it is certain. After
    that ``lease`` is 0: nothing is claimed and no container is created, but nothing is stopped either.

Note [The lease outlives the agent]
    An agent's stop or crash does not end the lease; its id is in the state directory, and the next agent goes on with
    it if it comes within the TTL. Then no claim changed hands, no name left DNS. It is written beside the beats, never
    before one: a disk that hangs would end the lease that it should have kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.membership.registration import Registration
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import EtcdError, EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.seams import Store
from daprdockr.model.trouble import BeatFailed, NoBeatYet, Trouble, line
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.pool import Run
from daprdockr.runtime.workers import Stopped


class Heartbeat(Service):
    """
    Beats three times per TTL, in threads of its own.

    :param run: runs a call to ``store`` in a thread that nothing else uses (design rule 4).
    :param disk: runs what writes the state directory, which may hang.
    :param registration: keeps the node's record under the lease. :param ttl: seconds, as asked of etcd.
    :param on_change: called when ``lease`` became certain, or stopped to be.
    :param boottime: CLOCK_BOOTTIME in seconds, which counts while the machine is suspended and the reactor's does not.
    :param on_beat: told at once of each answer to a beat: the lease, and the boottime until which it is certain; 0.0
        when it has ended.
    :param outage: says in the log that beats are not answered.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        run: Run,
        disk: Run,
        store: Store,
        registration: Registration,
        ttl: int,
        state: StateDir,
        on_change: Callable[[], None],
        boottime: Callable[[], float],
        on_beat: Callable[[int, float], None],
        outage: Outage,
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._disk = disk
        self._store = store
        self._registration = registration
        self._ttl = ttl
        self._state = state
        self._on_change = on_change
        self._boottime = boottime
        self._on_beat = on_beat
        self._outage = outage
        self._lease = 0
        self._until = 0.0
        self._beats = 0
        self._beating = False
        self._listed = False
        self._found: Trouble | None = None
        self._logged = LoggedOnce(
            lambda trouble: self.log.warn("no heartbeat: {trouble}", trouble=trouble),
            lambda: self.log.info("this node's heartbeat goes on under lease {lease:x}", lease=self._lease),
        )
        self._kept = 0
        self._keeping = False
        self._unkept = LoggedOnce(
            lambda reason: self.log.warn("this node's lease is not kept for the next agent: {reason}", reason=reason)
        )
        self._told = 0
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._ended: Deferred[Any] | None = None

    @property
    def lease(self) -> int:
        """The lease this node holds for certain and is registered under, else 0. Note [When a lease is certain]."""
        stands = self._registration.stands_under(self._lease)
        return self._lease if stands and self._reactor.seconds() < self._until else 0

    @property
    def condition(self) -> Trouble | None:
        """Why there is no certain lease; None while there is one."""
        return None if self.lease else self._found or self._registration.condition or NoBeatYet()

    @property
    def trouble(self) -> str:
        return line(self.condition)

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
        lease, self._lease = self._lease, 0
        if lease:
            await self._run(self._store.revoke, lease)

    def on_changes(self, changes: Changes) -> None:
        """Beat at once when our own record vanished: Note [Many leases at once] in ``mass_expiry``."""
        if not changes.nodes:
            return
        was_listed, self._listed = self._listed, self._registration.is_listed()
        if was_listed and not self._listed and self.running:
            Deferred.fromCoroutine(self._beat())

    async def _beat(self) -> None:
        """Never raises: a LoopingCall whose function raised would be over for good."""
        if self._beating:
            return
        self._beating = True
        try:
            if not await self._renew():
                await self._begin()
            if self._lease != self._kept and not self._keeping:
                Deferred.fromCoroutine(self._keep_lease())
            self._beats += 1
            if self._lease:  # it was not revoked meanwhile
                await self._registration.keep(self._lease, self._beats)
            if self._registration.yields == self._lease != 0:
                await self._leave()
            self._outage.worked()
            self._report(self._registration.condition)
        except EtcdUnavailable as error:  # Of silence the ``Outage`` speaks.
            self._found = BeatFailed(str(error))
            self._outage.failed(f"no heartbeat: {error}")
        except EtcdError as error:
            self._report(BeatFailed(str(error)))
        except Exception:
            self.log.failure("a heartbeat failed")
        finally:
            self._beating = False
        if self.lease != self._told:
            self._told = self.lease
            self._on_change()

    async def _renew(self) -> bool:
        sent, boottime = self._reactor.seconds(), self._boottime()
        lease = self._lease or await self._run(self._state.read_lease)
        ttl = await self._run(self._store.keep_alive, lease) if lease else 0
        if ttl <= 0:
            if lease:
                self.log.warn("the lease {lease:x} of this node has ended", lease=lease)
                self._on_beat(lease, 0.0)
            self._lease = 0
            return False
        self._hold(lease, sent + ttl, boottime + ttl)
        return True

    async def _begin(self) -> None:
        sent, boottime = self._reactor.seconds(), self._boottime()
        lease = await self._run(self._store.grant, self._ttl)
        self._beats = 0
        self._hold(lease.id, sent + lease.ttl, boottime + lease.ttl)
        self.log.info("this node has lease {lease:x} for {ttl} s", lease=lease.id, ttl=lease.ttl)

    async def _leave(self) -> None:
        """See Note [Two machines, one lease] in ``registration``: the lease goes on, and is not revoked."""
        self.log.warn(
            "lease {lease:x} and this node's name are in use on another machine, which had them first: this agent "
            "waits until that one is gone, or until it gets another --node",
            lease=self._lease,
        )
        self._on_beat(self._lease, 0.0)
        await self._begin()
        await self._registration.keep(self._lease, self._beats)

    async def _keep_lease(self) -> None:
        """Write the lease for the next agent. What fails is tried again at the next beat, and logged once a reason."""
        self._keeping, lease = True, self._lease
        try:
            await self._disk(self._state.write_lease, lease)
        except OSError as error:
            self._unkept.found(str(error))
        except Stopped:
            pass
        else:
            self._kept = lease
            self._unkept.found("")
        finally:
            self._keeping = False

    def _hold(self, lease: int, until: float, until_boottime: float) -> None:
        self._lease, self._until = lease, until
        self._on_beat(lease, until_boottime)

    def _report(self, found: Trouble | None) -> None:
        self._found = found
        self._logged.found(line(found))
