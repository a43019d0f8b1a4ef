"""
Keeps etcd in order: while this node holds that office, it does what ``planning.etcd_upkeep`` decides.

Note [Nobody can take an office]
    A full etcd takes no new key and no new lease. If nobody holds the office then, nobody can take it; so the first
    node by name stands in, by the mirror, as long as etcd is full. Two nodes may disagree about who that is for a
    moment. Each step does no harm if it is done twice, but for the pause of a member, which may then come once more.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.office import Office
from daprdockr.model.errors import EtcdError, EtcdReadOnly, EtcdRefused
from daprdockr.model.seams import EtcdUpkeep
from daprdockr.planning.etcd_upkeep import Compact, Defragment, Disarm, Past, UpkeepStep, next_step, obstacle
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

POLL = 5.0
"""Seconds between two questions while etcd takes no writes."""

INTERVAL = 60.0
"""The same while it does."""

MOST_STEPS = 8
"""Steps in one turn: those of five members, and some."""


class EtcdKeeping(Periodic):
    """
    :param is_full: whether etcd refuses the writes of this node.
    :param is_first: whether this node is the first one by name, and in touch with etcd.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        etcd: EtcdUpkeep,
        office: Office,
        is_full: Callable[[], bool],
        is_first: Callable[[], bool],
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="etcd could not be kept in order")
        self._reactor = reactor
        self._run = run
        self._etcd = etcd
        self._office = office
        self._is_full = is_full
        self._is_first = is_first
        self._past = Past()
        self._due = 0.0
        self._logged = LoggedOnce(lambda trouble: self.log.warn("{trouble}", trouble=trouble))
        self._refused = LoggedOnce(
            lambda reason: self.log.warn(
                "this node may not keep etcd in order, see docs/design/etcd-upkeep.rst: {reason}", reason=reason
            )
        )

    async def poll(self) -> None:
        now = self._reactor.seconds()
        if now < self._due and not self._is_full():
            return
        self._due = now + INTERVAL
        try:
            if await self._is_ours():
                await self._turn_over()
                self._refused.found("")
        except EtcdRefused as error:
            self._refused.found(str(error))
        except EtcdError as error:
            self.log.debug("etcd was not kept in order: {reason}", reason=str(error))

    async def _is_ours(self) -> bool:
        """Return whether the next step is this node's to do. See Note [Nobody can take an office]."""
        try:
            return await self._office.hold() is not None and await self._office.confirm()
        except EtcdReadOnly:
            return self._is_first()

    async def _turn_over(self) -> None:
        """Do the steps that are due, each by new answers of the members."""
        for _ in range(MOST_STEPS):
            look = await self._run(self._etcd.look)
            self._past = self._past.with_look(look, self._reactor.seconds())
            step = next_step(look, self._past, self._reactor.seconds())
            if step is None:
                self._logged.found(obstacle(look, self._past))
                return
            if not await self._is_ours():
                return
            self.log.info("begins to {step}", step=str(step))
            await self._run(self._perform, step)
            self._past = self._past.with_done(step, self._reactor.seconds())

    def _perform(self, step: UpkeepStep) -> None:
        """Blocking."""
        match step:
            case Compact(revision):
                self._etcd.compact(revision)
            case Defragment(member):
                self._etcd.defragment(member)
            case Disarm(members):
                self._etcd.disarm(members)
