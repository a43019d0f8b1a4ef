"""
Checks whether etcd accepts the writes of this node. Refuses to know what these are.

Note [A beat proves no right to write]
    etcd renews a lease, and mostly answers reads too, while its database is full, and renews it for a client without
    any permission to write. A node would go on unaware and could claim and report nothing. So every ``INTERVAL``
    seconds it sends a transaction whose condition never holds (``trial``), which costs etcd neither a revision nor an
    event, but an entry in its log, which all members write to their disks. It does so more often only while etcd is
    known to refuse writes, and after a write was refused. Deletions are no proof: a full database still accepts them.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import EtcdError, EtcdForbidden, EtcdRefused
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import trial
from daprdockr.model.trouble import line
from daprdockr.model.troubles.etcd import WritesRefused
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

POLL = 10.0
"""Seconds between two trials while writes are refused."""

INTERVAL = 60.0
"""Seconds between two trials while writes are accepted."""


class WriteCheck(Periodic):
    """
    :param run: runs a call to ``store`` in a thread.
    :param record: the key of the node's record.
    :param keys: one of each other kind that this node writes.
    :param refusals: returns how many writes of this node etcd has refused, trials or not.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        store: Store,
        record: str,
        keys: tuple[str, ...],
        refusals: Callable[[], int],
    ) -> None:
        failing = "whether etcd takes writes could not be found out"
        super().__init__(reactor=reactor, interval=POLL, failing=failing, at_once=True)
        self._reactor = reactor
        self._run = run
        self._store = store
        self._record = record
        self._keys = (*keys, record)
        self._refusals = refusals
        self._refusals_known = 0
        self._due = reactor.seconds()
        self._logged = LoggedOnce(
            lambda trouble: self.log.warn("this node {trouble}", trouble=trouble),
            lambda: self.log.info("this node can write to etcd again"),
        )
        self.condition: WritesRefused | None = None
        """Why this node cannot write all that it has to; None while it can, as far as known."""
        self.to_publish = ""
        """The same for the node's record; empty when the record itself cannot be written."""

    @property
    def trouble(self) -> str:
        return line(self.condition)

    async def poll(self) -> None:
        """Send the trials, if they are due."""
        refusals, now = self._refusals(), self._reactor.seconds()
        if now < self._due - POLL / 2 and refusals == self._refusals_known:  # no poll is on time to the millisecond
            return
        try:
            self.condition = await self._try()
        except EtcdError:
            return  # It did not answer, which others report; the last result stands.
        self._refusals_known, self._due = refusals, now + (INTERVAL if self.condition is None else POLL)
        refused = self.condition is not None and self._record in (self.condition.keys or self._keys)
        self.to_publish = "" if refused else self.trouble
        self._logged.found(self.trouble)

    async def _try(self) -> WritesRefused | None:
        """Return why etcd refuses a write of some key, and of which; None if it does not."""
        try:
            await self._run(self._store.commit, *trial(*self._keys))
        except EtcdForbidden as error:
            refused = [key for key in self._keys if await self._is_forbidden(key)] or self._keys
            return WritesRefused(str(error), tuple(refused))
        except EtcdRefused as error:
            return WritesRefused(str(error))
        return None

    async def _is_forbidden(self, key: str) -> bool:
        try:
            await self._run(self._store.commit, *trial(key))
        except EtcdForbidden:
            return True
        return False
