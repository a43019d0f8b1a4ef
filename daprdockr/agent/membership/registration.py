"""
This node's record in etcd, under its lease: created once, and written again when its content has changed.

Note [Two agents, one name]
    The node's record is created only if it does not exist. One under another lease belongs to an earlier agent of this
    node (its state directory was lost: the record goes with its lease) or to a second agent of this name (the record
    stays). In both cases we wait and claim nothing: a second agent that took over claims would fight with the first.

Note [Two machines, one lease]
    A clone whose machine id was copied too, under the same name, resumes the lease that the original holds, as a
    rebooted host does. Which of the two it is shows when the other one goes on: the original sees its record
    overwritten by another machine (by boot), and writes it again, because it was there first; and the clone, whose own
    record was overwritten in its turn, leaves the lease to it and waits. A rebooted host has nobody to overwrite its
    record, and acts under the lease when the next beat finds the record unchanged. A node that has created the record
    was there before everybody, so it never yields, whatever somebody writes over it; and one that acts already does
    nothing until the next beat, and yields if its record is then overwritten again: a person's hand writes once.

Note [Ready]
    A node is ready after ``GOOD_BEATS`` beats under one lease. Because its record says so, instead of each observer's
    own count, all nodes rank the same ones. An agent that resumes its lease finds its former readiness there.

Note [Since when]
    A record that is overwritten with other addresses, or by another machine, states at which revision that was: the one
    that etcd reports then, because the mirror may be old. See Note [Two machines, one address] in
    ``planning.placing.clashes``.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from daprdockr.model.errors import BadInput
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Fence, Put
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.trouble import line
from daprdockr.model.troubles.membership import LeaseUnproven, NameHeld
from daprdockr.runtime.pool import Run

GOOD_BEATS = 3
"""The number of beats that must succeed before a node is given instances: a link that comes and goes gets none."""


class Registration:
    """
    :param run: runs a call to ``store`` in a thread.
    :param key: the node's key.
    :param record: returns the record as of now; called with whether enough beats succeeded.
    :param is_listed: returns whether the mirror shows the node's record under a lease, as one of this machine.
    """

    def __init__(
        self,
        *,
        run: Run,
        store: Store,
        key: str,
        record: Callable[[bool], NodeRecord],
        is_listed: Callable[[int], bool],
    ) -> None:
        self._run = run
        self._store = store
        self._key = key
        self._record = record
        self._is_listed = is_listed
        self._lease = 0
        self._written = b""
        self._created = 0
        self._since = 0
        self._addresses: tuple[str, ...] = ()
        self._steady = 0
        self._unproven = False
        self.yields = 0
        """A lease that is another machine's: Note [Two machines, one lease]."""
        self.condition: NameHeld | LeaseUnproven | None = None
        """Why the record does not stand under the lease, as of the last beat."""

    @property
    def trouble(self) -> str:
        return line(self.condition)

    def stands_under(self, lease: int) -> bool:
        """Return whether the record is there, as far as known."""
        return self._lease == lease != 0 and not self._unproven

    def is_listed(self) -> bool:
        """Return whether the mirror shows the record."""
        return self._is_listed(self._lease)

    async def keep(self, lease: int, beats: int) -> None:
        """
        Keep the record; to be called after each good beat, the ``beats``-th under this lease. Afterwards ``trouble``
        says why the record does not stand there, or is empty. :raises EtcdError: as the store does.
        """
        if beats >= GOOD_BEATS:
            self._steady = lease
        record = self._presented(lease)
        if not (self.stands_under(lease) and self._is_listed(lease)) or record.addresses != self._addresses:
            await self._create(lease, record)
        elif record.encode() != self._written:
            await self._change(lease, record.encode())

    def _presented(self, lease: int) -> NodeRecord:
        return evolve(self._record(self._steady == lease), since=self._since)

    async def _create(self, lease: int, record: NodeRecord) -> None:
        """See Note [Two agents, one name]."""
        value = record.encode()
        made = await self._run(self._store.commit, [Absent(self._key)], [Put(self._key, value, lease)])
        self._created = made.revision
        self._unproven = self._unproven and not made.succeeded
        if not made.succeeded:
            there = await self._run(self._store.get, self._key)
            if there is None or there.lease != lease:
                self._lease = 0
                self.condition = NameHeld(self._key)
                return
            self._resume(lease, _record_in(there.value), record, made.revision)
            if self.yields == lease:
                self._lease = 0
                return
            record = self._presented(lease)
            value = record.encode()
            self._created = there.create_revision
            if there.value != value:
                await self._change(lease, value)
        self._lease, self._written, self._addresses = lease, value, record.addresses
        self.condition = LeaseUnproven() if self._unproven else None

    def _resume(self, lease: int, former: NodeRecord, record: NodeRecord, revision: int) -> None:
        """
        Resume the record ``former``, which stands under this lease already. See the three other notes. Where a record
        of ours stood, nothing is learned from what somebody wrote over it.
        """
        moved = record.machine != "" and former.machine not in ("", record.machine)
        if self._lease != lease:
            self._unproven = moved
            if former.ready:
                self._steady = lease
            self._since = revision if moved or former.addresses != record.addresses else former.since
        elif moved and self._since and (former.since, former.machine) < (self._since, record.machine):
            if self._unproven:
                self.yields = lease
            self._unproven = True
        else:
            self._unproven = self._unproven and moved
            if self._addresses != record.addresses:
                self._since = revision

    async def _change(self, lease: int, value: bytes) -> None:
        """If the record is not ours any more, the next beat misses it, when the mirror does not show it."""
        fence = Fence(self._key, self._created, lease)
        if (await self._run(self._store.commit, [fence], [Put(self._key, value, lease)])).succeeded:
            self._written = value


def _record_in(value: bytes) -> NodeRecord:
    """Return the record; one that cannot be read was not ready, and published nothing."""
    try:
        return NodeRecord.decode(value)
    except BadInput:
        return NodeRecord(ready=False)
