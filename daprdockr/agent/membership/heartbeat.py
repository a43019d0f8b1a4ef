"""
The heartbeat: keeps this node's lease alive, and has its record kept under that lease. Knows nothing of instances.

Note [When a lease is certain]
    etcd counts the lease's time from when it handled a beat, which was after we sent it. So from the moment of sending,
    by the monotonic clock, plus the TTL, the lease may be gone, whatever we believe; until then it is certain. After
    that ``lease`` is 0: nothing is claimed and no container is created, but nothing is stopped either.

Note [The lease outlives the agent]
    An agent's stop or crash does not end the lease; its id is in the state directory, and the next agent resumes it if
    it comes within the TTL. Then no claim changed hands, no name left DNS. A stop ends with a beat, which leaves the
    next agent all of the TTL, unless etcd did not answer the beat before. The id is written concurrently with the
    beats, never before one: a disk that hangs would otherwise end the lease that it should have kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.membership.kept_lease import KeptLease
from daprdockr.agent.membership.registration import Registration
from daprdockr.model.errors import EtcdError, EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.trouble import Trouble, line
from daprdockr.model.troubles.membership import BeatFailed, NoBeatYet
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.signal import Signal


class Heartbeat(Service):
    """
    Beats three times per TTL, in threads of its own.

    ``beats`` reports each answer to a beat at once: the lease, the boottime until which it is certain, and its TTL; 0.0
    for both when it has ended. ``regained`` reports that there is a certain lease again, after a time without one.

    :param etcd: a connection of its own, whose thread nothing else uses: a beat waits for no other call.
    :param registration: keeps the node's record under the lease. :param ttl: seconds, as asked of etcd.
    :param kept: the lease as the next agent finds it.
    :param on_change: called when ``lease`` became certain, or stopped to be.
    :param boottime: CLOCK_BOOTTIME in seconds, which counts while the machine is suspended and the reactor's does not.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        etcd: Connection,
        registration: Registration,
        ttl: int,
        kept: KeptLease,
        on_change: Callable[[], None],
        boottime: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._etcd = etcd
        self._registration = registration
        self._ttl = ttl
        self._kept = kept
        self._on_change = on_change
        self._boottime = boottime
        self.beats: Signal[[int, float, float]] = Signal()
        self.regained: Signal[[]] = Signal()
        self._lease = self._over = 0
        self._until = 0.0
        self._lapsed = False
        self.taken_over: bool | None = None
        """Whether the lease of an earlier agent goes on; None if no earlier one left any."""
        self._count = 0
        self._beating = self._due = False
        self._unwritten = False
        self._listed = False
        self._found: Trouble | None = None
        self._logged = LoggedOnce(
            lambda trouble: self.log.warn("no heartbeat: {trouble}", trouble=trouble),
            lambda: self.log.info("this node's heartbeat goes on under lease {lease:x}", lease=self._lease),
        )
        self._reported = 0
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._ended: Deferred[Any] | None = None

    @property
    def lease(self) -> int:
        """
        The lease this node holds for certain and is registered under, otherwise 0. Note [When a lease is certain].
        """
        stands = self._registration.stands_under(self._lease)
        return self._lease if stands and self._reactor.seconds() < self._until else 0

    @property
    def seconds_left(self) -> float:
        """For how long the lease is certain; 0 without a certain one."""
        return self._until - self._reactor.seconds() if self.lease else 0.0

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
        """End the beats and leave the lease: Note [The lease outlives the agent]."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        if self._ended is not None:
            self._ended.addCallback(lambda _: Deferred.fromCoroutine(self._last_beat()))
        return self._ended

    async def _last_beat(self) -> None:
        if self.lease and self._found is None and not self._beating:
            try:
                await self._renew()
            except EtcdError:
                self.log.info("etcd did not answer the last beat: the next agent has less time to take the lease over")

    async def revoke(self) -> None:
        """End the lease, and with it all claims of this node: for an agent that removes its containers."""
        lease, self._lease = self._lease, 0
        if lease:
            await self._etcd.run(self._etcd.store.revoke, lease)

    def on_changes(self, changes: Changes) -> None:
        """Beat at once when our own record vanished: Note [Many leases at once] in ``mass_expiry``."""
        if not changes.nodes:
            return
        was_listed, self._listed = self._listed, self._registration.is_listed()
        if was_listed and not self._listed and self.running:
            Deferred.fromCoroutine(self._beat())

    def refresh(self) -> None:
        """Write the node's record before the next beat if it changed, or as soon as the beat under way has ended."""
        self._unwritten = True
        if self.running and not self._beating:
            Deferred.fromCoroutine(self._refresh())

    async def _refresh(self) -> None:
        """A beat that falls due meanwhile follows at once; what fails is left to it."""
        self._beating = True
        try:
            while self._unwritten and self._lease and self._registration.stands_under(self._lease):
                self._unwritten = False
                await self._registration.keep(self._lease, self._count)
        except EtcdError:
            pass
        except Exception:
            self.log.failure("the record of this node could not be written")
        finally:
            self._beating = self._unwritten = False
        await self._beat_if_due()

    async def _beat(self) -> None:
        """Never raises: a LoopingCall ends permanently when its function raises."""
        if self._beating:
            self._due = True
            return
        self._beating, self._due = True, False
        try:
            await self._keep_lease()
            self._etcd.outage.worked()
            self._report(self._registration.condition)
        except EtcdUnavailable as error:  # The ``Outage`` reports that etcd does not answer.
            self._found = BeatFailed(str(error))
            self._lapsed = self._lapsed or not self.lease
            self._etcd.outage.failed(f"no heartbeat: {error}")
        except EtcdError as error:
            self._report(BeatFailed(str(error)))
        except Exception:
            self.log.failure("a heartbeat failed")
        finally:
            self._beating = False
        if self.lease != self._reported:
            self._reported = self.lease
            self._on_change()
        if self._unwritten and self.running:
            await self._refresh()
        else:
            await self._beat_if_due()

    async def _keep_lease(self) -> None:
        """Renew the lease, or begin one, and keep the record under it. :raises EtcdError: as the store does."""
        if not await self._renew():
            await self._begin()
        self._kept.keep(self._lease)
        self._count += 1
        if self._lease:  # it was not revoked meanwhile
            await self._registration.keep(self._lease, self._count)
        if self._registration.yields == self._lease != 0:
            await self._leave()

    async def _beat_if_due(self) -> None:
        if self._due and self.running:
            self._due = False
            await self._beat()

    async def _renew(self) -> bool:
        sent, boottime = self._reactor.seconds(), self._boottime()
        lease = self._lease or await self._etcd.run(self._kept.read_lease)
        if lease in (0, self._over):  # the kept one, until etcd has granted another
            return False
        ttl = await self._etcd.run(self._etcd.store.keep_alive, lease)
        if not self._until:
            self.taken_over = ttl > 0
        if ttl <= 0:
            self.log.warn("the lease {lease:x} of this node has ended", lease=lease)
            self.beats(lease, 0.0, 0.0)
            self._lapsed = self._until > 0.0  # otherwise it was an earlier agent's
            self._lease, self._over = 0, lease
            return False
        if not self._lease and ttl != self._ttl:
            text = "resumes lease {lease:x} of {ttl} s: --lease-ttl counts when this node has been without a lease"
            self.log.info(text, lease=lease, ttl=ttl)
        self._hold(lease, ttl, sent, boottime)
        return True

    async def _begin(self) -> None:
        sent, boottime = self._reactor.seconds(), self._boottime()
        lease = await self._etcd.run(self._etcd.store.grant, self._ttl)
        self._count = 0
        self._hold(lease.id, lease.ttl, sent, boottime)
        self.log.info("this node has lease {lease:x} for {ttl} s", lease=lease.id, ttl=lease.ttl)

    async def _leave(self) -> None:
        """Leave the lease, without revoking it: see Note [Two machines, one lease] in ``registration``."""
        self.log.warn(
            "lease {lease:x} and this node's name are in use on another machine, which had them first: this agent "
            "waits until that one is gone, or until it gets another --node",
            lease=self._lease,
        )
        self.beats(self._lease, 0.0, 0.0)
        self.taken_over = None
        await self._begin()
        await self._registration.keep(self._lease, self._count)

    def _hold(self, lease: int, ttl: int, sent: float, boottime: float) -> None:
        """
        Hold a lease, by a beat that was sent at these times.

        :param ttl: that of the lease, which an earlier agent may have taken with another ``--lease-ttl``.
        """
        lapsed = self._lapsed or 0.0 < self._until <= self._reactor.seconds()
        self._lease, self._until, self._lapsed = lease, sent + ttl, False
        self._loop.interval = min(self._ttl, ttl) / 3
        self.beats(lease, boottime + ttl, ttl)
        if lapsed:
            self.regained()

    def _report(self, found: Trouble | None) -> None:
        self._found = found
        self._logged.found(line(found))
