# -*- test-case-name: tests.unit.agent.test_office -*-
"""
An office of the cluster, such as the renewer's: which node holds it, and for how long.

Note [One holder]
    The holder is the node that created one key under its own lease. The key ends with the lease, and then another node
    creates it. A node may believe that it holds the office when it does not any more; so each write of a holder
    compares the create revision and the lease of the key, and one of an ended term changes nothing. A step that
    writes no key, such as a compaction, compares nothing: the holder asks right before it (``confirm``), and it must do
    no harm if another one does the same. An agent that is started again under the same lease goes on with the
    former term. One that lacks what it needs leaves the office to another node, and does not ask for it for a while.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Delete, Fence, Put
from daprdockr.runtime.pool import Run


@frozen
class Term:
    """The time in which a node holds the office. :ivar fence: what each of its writes compares."""

    fence: Fence


class Office:
    """
    :param key: of the office.
    :param node: the name of this node.
    :param lease: returns the lease that this node holds for certain; 0: none, or it may not hold the office.
    """

    def __init__(self, store: Store, run: Run, *, key: str, node: str, lease: Callable[[], int]) -> None:
        self._store = store
        self._run = run
        self._key = key
        self._node = node
        self._lease = lease
        self._term: Term | None = None

    async def hold(self) -> Term | None:
        """Return the term of this node, which takes the office if it is free; None: another one holds it."""
        lease = self._lease()
        if self._term is not None and self._term.fence.lease == lease:
            return self._term
        self._term = None
        if not lease:
            return None
        entry = await self._run(self._store.get, self._key)
        if entry is None:
            done = await self._run(self._store.commit, [Absent(self._key)], [Put(self._key, self._value, lease)])
            if done.succeeded:
                self._term = Term(Fence(self._key, done.revision, lease))
        elif entry.lease == lease and entry.value == self._value:
            self._term = Term(Fence(self._key, entry.create_revision, lease))
        return self._term

    async def confirm(self) -> bool:
        """Ask etcd whether the term of this node goes on; it is lost if not."""
        term = self._term
        if term is None:
            return False
        entry = await self._run(self._store.get, self._key)
        if entry is None or (entry.create_revision, entry.lease) != (term.fence.create_revision, term.fence.lease):
            self._term = None
        return self._term is not None

    async def resign(self) -> None:
        """Leave the office to another node, which takes it as soon as it asks."""
        term, self._term = self._term, None
        if term is not None:
            await self._run(self._store.commit, [term.fence], [Delete(self._key)])

    def lose(self) -> None:
        """Forget the term: a write was refused."""
        self._term = None

    @property
    def _value(self) -> bytes:
        return self._node.encode()
