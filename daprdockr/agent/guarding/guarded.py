"""
The containers that may not outlive this node's lease (``OnPartition: stop``): which they are, and until when each may
run. Gives the guard its orders, and decides nothing about which containers should run.

Note [One start, one lease]
    The order for a container holds for the lease it was started under. When that lease has ended another node may have
    held the instance, whatever lease this node has now; so a container goes on under a new lease only by a new start,
    which the planner requests when the claim is this node's again. A container that runs although no agent here allowed
    it (the state directory was lost, or somebody started it by hand) has no time at all.

Note [Orders that were lost]
    The file with the orders may be damaged while their containers run. Its content follows from etcd as well: a
    container whose claim names it, and stands under the lease that is certain now, was started under that lease, or
    nobody else has held its instance since. Such a container goes on under this lease. A new agent can know that by its
    second beat, when claims and containers were listed; so a container that is missing in the orders of an earlier
    agent has half a lease.

Note [Before a start, and after]
    The orders are written before the Engine is called: a start that the Engine carries out late is then undone by the
    guard, even if this agent is gone by then. Nothing is started unless the guard stands and the lease is certain for
    half its life, in which the guard reads the orders several times. After the start this process searches for the
    container as the guard does: where it cannot see or signal it (another PID namespace, an Engine on another machine,
    no root), nobody would stop the container, and it may not run here.

Note [Grace before a deadline]
    KILL comes ``margin`` seconds before the lease can have ended; TERM as long before that as the container has to
    stop, but not sooner than a sixth of the lease before its end. Beats go out every third of the lease. By then two
    have failed, the second for a sixth of the lease; if TERM came sooner, one lost beat would stop containers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from daprdockr.agent.guarding.guard_process import GuardProcess
from daprdockr.agent.host.host import Host
from daprdockr.guard.orders import Order, Orders
from daprdockr.model.errors import DaprdockrError, EngineRefused, EngineUnavailable
from daprdockr.model.host import ContainerState
from daprdockr.model.names import ServiceName
from daprdockr.model.trouble import line
from daprdockr.model.troubles.host import GuardDown, OrdersUnwritten

LAST_POLLS = 1.0
"""
Seconds after its deadline, which is not moved any more, in which a container that has disappeared from the Engine is
still searched for. An Engine that lost its data lists none of the containers that run.
"""


_UNKNOWN = Order(0.0)


class NotGuarded(EngineUnavailable):
    """A container is not started now, because nobody would stop it in time; the same start may succeed later."""


def margin(ttl: float) -> float:
    """
    Return the seconds between KILL and the end of a lease of ``ttl`` seconds: for a guard that polls late, a kernel
    that is slow to end a process, and clocks whose rates differ.
    """
    return max(0.2, ttl / 30)


def grace(ttl: float, stop_timeout: float) -> float:
    """Return the seconds between TERM and KILL: Note [Grace before a deadline]."""
    return max(0.0, min(stop_timeout, ttl / 6 - margin(ttl)))


class Guarded(Service):
    """
    :param ttl: seconds of this node's lease, as asked of etcd; a lease that is resumed may be shorter.
    :param boottime: CLOCK_BOOTTIME in seconds.
    :param boot: the id of this boot.
    :param ephemeral: whether the containers are removed before this service stops, and the guard ends with them.
    :param claimed: returns the lease of this node's claim that names this container; 0: there is none.
    """

    log = Logger()

    def __init__(
        self,
        *,
        guard: GuardProcess,
        host: Host,
        ttl: int,
        boottime: Callable[[], float],
        boot: str,
        ephemeral: bool,
        claimed: Callable[[ContainerState], int],
    ) -> None:
        self._guard = guard
        self._host = host
        self._asked = self._ttl = float(ttl)
        self._boottime = boottime
        self._boot = boot
        self._ephemeral = ephemeral
        self._claimed = claimed
        self._orders: dict[str, Order] = {}
        self._lease, self._until = 0, 0.0
        self._patient_until = 0.0
        self._blind = ""

    @property
    def condition(self) -> GuardDown | OrdersUnwritten | None:
        """Why containers may not be stopped in time; None while there is nothing to guard."""
        return self._guard.condition if self._orders else None

    @property
    def trouble(self) -> str:
        return line(self.condition)

    def startService(self) -> None:
        """Resume the orders of an earlier agent."""
        super().startService()
        former = self._guard.resume(self._boot)
        if former is not None:
            self._orders = dict(former.containers)
            self._patient_until = self._boottime() + self._ttl / 2

    def stopService(self) -> Deferred[None]:
        """Leave the guard to its work; if ``ephemeral``, end it with the last container."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        leave = not self._ephemeral or not await self._end_all()
        await maybeDeferred(self._guard.stop, leave)

    async def _end_all(self) -> bool:
        """Have the guard kill the remaining containers; return whether it has nothing left to do."""
        if not self._orders:
            return True
        containers = frozenset(self._orders)
        self._orders = {container: order._replace(deadline=0.0) for container, order in self._orders.items()}
        try:
            await self._guard.given(self._content())
            if not await self._guard.all_gone(containers):
                self.log.warn("the guard stays, for there are containers that cannot be killed")
                return False
            self._orders = {}
            await self._guard.given(self._content())
        except (OSError, DaprdockrError) as error:
            self.log.warn("the guard stays, because it cannot be ended: {reason}", reason=error)
            return False
        return True

    def on_beat(self, lease: int, until: float, ttl: float) -> None:
        """
        Take note that the lease, which lasts ``ttl`` seconds from each beat on, is certain until ``until`` (boottime);
        0.0: it has ended. Note [One start, one lease].
        """
        self._ttl = min(self._asked, ttl or self._asked)
        self._lease, self._until = (lease, until) if until else (0, 0.0)
        self._find_again(self._host.containers)
        before, now = self._orders, self._boottime()
        there = {container.id for container in self._host.containers} if self._host.listed else before.keys()
        self._orders = {
            container: order._replace(deadline=until) if order.lease == lease and container in there else order
            for container, order in before.items()
            if container in there or order.deadline + LAST_POLLS > now
        }
        if before:
            self._give()

    def on_changes(self, services: Iterable[ServiceName]) -> None:
        """Find the containers of these services, which changed, that run and that no agent here allowed."""
        found = [c for service in services for ones in self._host.containers.of(service).values() for c in ones]
        self._find_again(found)
        unknown = [c for c in found if c.on_partition == "stop" and c.running and c.id not in self._orders]
        unless = " unless its claim says so" if self._boottime() < self._patient_until else ""
        for container in unknown:
            text = "container {id} was not started by an agent here and is killed{unless}"
            self.log.warn(text, id=container.id[:12], unless=unless)
            self._orders[container.id] = Order(self._patient_until)
        if unknown:
            self._give()

    def _find_again(self, containers: Iterable[ContainerState]) -> None:
        """
        Resume those that this node's lease covers, though there are no orders for them. See Note [Orders that were
        lost].
        """
        if not self._lease or self._until <= self._boottime():
            return
        for container in containers:
            order = self._orders.get(container.id, _UNKNOWN)
            running = container.on_partition == "stop" and container.running
            if running and not order.lease and self._claimed(container) == self._lease:
                self._orders[container.id] = Order(self._until, grace(self._ttl, container.stop_timeout), self._lease)

    async def admit(self, container: ContainerState) -> None:
        """
        Write the order for a container; to be called before its start: Note [Before a start, and after].

        :raises NotGuarded: it cannot be started now.
        :raises EngineRefused: it cannot be started on this host.
        """
        if self._blind:
            raise EngineRefused(self._blind)
        if not self.running:
            raise NotGuarded("the agent is stopping")
        lease = self._certain_lease()
        self._orders[container.id] = Order(self._until, grace(self._ttl, container.stop_timeout), lease)
        self._guard.start()
        try:
            await self._guard.given(self._content())
        except OSError as error:
            raise NotGuarded(f"the orders of its guard cannot be written: {error}") from None
        if not await self._guard.is_ready():
            raise NotGuarded("its guard does not run: see guard/output.log in --state-dir")
        if self._certain_lease() != lease:
            raise NotGuarded("this node's lease is another one by now")

    def blindness(self, container: str) -> Deferred[str]:
        """Return why the guard could not stop this container, which runs; empty if it could."""
        return self._guard.blindness(container)

    def refuse(self, blindness: str) -> None:
        """Refuse all later ``admit`` calls, giving this reason."""
        self._blind = blindness

    def _certain_lease(self) -> int:
        if self._until - self._boottime() < self._ttl / 2:
            raise NotGuarded("this node's lease is in doubt, and OnPartition is stop")
        return self._lease

    def _give(self) -> None:
        if self.running:
            self._guard.start()
            self._guard.give(self._content())

    def _content(self) -> bytes:
        return Orders(self._boot, margin(self._ttl), self._orders, self._boottime()).encode()
