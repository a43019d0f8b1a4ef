# -*- test-case-name: tests.unit.agent.renewing.test_renewer -*-
"""
The answers to challenges that every node gives, as etcd has them: the thumbprint, and the text records of DNS-01.

Note [Shown before it is asked]
    An ACME server may ask any node, and it counts a failure if the record is not there. So the server is asked to look
    only when every node with a lease has reported that it answers from the revision of the record, as a node that stops
    an instance waits for them: Note [Acknowledged, then stopped] in ``agent.membership.progress``. That costs one write
    of each node. To read the record back through DNS would reach one of the nodes, whichever the resolver chooses, and
    resolvers keep for a while that there is none; whether the two records of the person lead to the nodes is checked
    before an order is made (``reaching``). Records are removed when the attempt has ended. Those of a renewer that was
    killed or stopped stay until the next one has ended its orders: the server may be looking at this moment.

Note [One writer]
    All records are in one value. Attempts run side by side, and two writes may arrive in another order than they were
    sent: so one write is made at a time, of what is to be shown then. Of another node no write can come: see
    Note [One holder] in ``office``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container

from attrs import field, frozen
from twisted.internet.defer import DeferredLock

from daprdockr.agent.office import Term
from daprdockr.agent.renewing.vault import Vault
from daprdockr.model.errors import NotFound
from daprdockr.model.stored.renewal import ChallengeRecord


@frozen
class Spread:
    """
    :ivar zone: the challenge zone; "": there is none.
    :ivar behind: waits until all nodes have reached a revision, and returns those that have not in time.
    """

    zone: str
    behind: Callable[[int], Awaitable[tuple[str, ...]]]


@frozen
class Texts:
    """Those of one term, for the account with this ``thumbprint``."""

    term: Term
    vault: Vault
    thumbprint: str
    spread: Spread
    _shown: dict[str, str] = field(factory=dict)
    _lock: DeferredLock = field(factory=DeferredLock)

    async def begin(self, under_way: Container[str]) -> None:
        """Have every node answer for this account, and with no texts of earlier terms but of orders under way."""
        former = await self.vault.answered()
        if former is not None and former.thumbprint == self.thumbprint:
            self._shown.update({name: value for name, value in former.texts.items() if "*." + name in under_way})
        await self._write()

    async def show(self, host_name: str, value: str) -> None:
        """
        Have every node answer with a text: see Note [Shown before it is asked].

        :raises NotFound: some do not yet.
        """
        self._shown[host_name] = value
        revision = await self._write()
        behind = await self.spread.behind(revision)
        if behind:
            raise NotFound(f"{', '.join(behind)} did not take over the text record for {host_name} in time")

    async def hide(self, host_name: str) -> None:
        """Have no node answer with the text of a name."""
        if self._shown.pop(host_name, None) is not None:
            await self._write()

    async def _write(self) -> int:
        """Store what is shown now, and return the revision of that. See Note [One writer]."""
        await self._lock.acquire()
        try:
            return await self.vault.challenge(
                self.term, ChallengeRecord(self.thumbprint, self.spread.zone, dict(self._shown))
            )
        finally:
            self._lock.release()
