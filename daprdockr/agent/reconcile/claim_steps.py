"""
Carrying out steps about claims: each is one transaction in etcd, and what it changed is noted in the mirror.

Decides nothing. A transaction whose condition did not hold fails the step; the watch will show why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import DaprdockrError, EtcdError
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Condition, Delete, Deleted, Entry, Fence, Operation, Put, Unchanged
from daprdockr.planning.claim_steps import (
    ClaimStep,
    DropSuccession,
    GiveUpSuccession,
    ReadClaim,
    ReleaseClaim,
    Succeed,
    TakeClaim,
    TakeSuccession,
    WriteClaim,
)
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Done, Fault, Retry, StepOutcome, reason_of
from daprdockr.planning.situation import Here
from daprdockr.runtime.pool import Run

ETCD_DELAYS = Backoff(first=0.5, limit=5.0)
"""
Between two attempts at a write that etcd did not take: it may recover at any moment, and others wait for the report.
"""


class ClaimLost(DaprdockrError):
    """Another node was first, or the claim is not ours any more; the watch will show it."""


class ClaimSteps:
    """
    :param run: runs a call to ``store`` in a thread.
    :param here: returns this node, as it is at the moment of the call.
    :param unanswered: learns of writes in progress, and of answers that were lost.
    """

    def __init__(
        self, *, store: Store, run: Run, mirror: Mirror, here: Callable[[], Here], unanswered: Unanswered
    ) -> None:
        self._store = store
        self._run = run
        self._mirror = mirror
        self._keys = mirror.cluster.keys
        self._here = here
        self._unanswered = unanswered

    async def __call__(self, step: ClaimStep) -> StepOutcome:
        """Carry out one step; return its outcome."""
        done = await outcome(self.attempt(step))
        if not isinstance(step, GiveUpSuccession):
            return done
        lane = Lane("container", step.instance, step.generation)  # at fault, whatever became of the key
        event = f"{self._here().node} does not take it over: {step.reason}"
        return Fault(step.reason, lane, event, lasting=True, unhealthy=True)

    async def attempt(self, step: ClaimStep) -> None:
        """
        Carry out one step, but raise its error.

        :raises EtcdError: as the store does.
        :raises ClaimLost: a transaction's condition did not hold.
        """
        match step:
            case TakeClaim():
                kept = () if step.volumes is None else (Unchanged(self._keys.volumes(step.instance), step.volumes),)
                await self._take(step.instance, self._keys.claim(step.instance), step.record.encode(), kept)
            case TakeSuccession():
                await self._take(step.instance, self._keys.successor(step.instance), step.record.encode())
            case ReadClaim():
                await self._read(step.instance)
            case WriteClaim():
                await self._write(step)
            case Succeed():
                await self._succeed(step)
            case ReleaseClaim():
                await self._release(step.instance, self._keys.claim(step.instance), step.fence)
            case DropSuccession() | GiveUpSuccession():
                await self._release(step.instance, self._keys.successor(step.instance), step.fence)
            case _:
                assert_never(step)

    async def _take(self, instance: InstanceName, key: str, value: bytes, also: Sequence[Condition] = ()) -> None:
        lease = self._here().lease
        revision = await self._commit(instance, [Absent(key), *also], [Put(key, value, lease)])
        self._mirror.note(Entry(key, value, revision, revision, lease))

    async def _read(self, instance: InstanceName) -> None:
        """A read now reflects every write that we have given up waiting for, so it settles whether they happened."""
        with self._unanswered.asking(instance):
            keys = (self._keys.claim(instance), self._keys.successor(instance))
            listing = await self._run(self._store.list, keys[0])
            found = {entry.key: entry for entry in listing.entries}
            self._mirror.note(*(found.get(key) or Deleted(key, listing.revision) for key in keys))

    async def _write(self, step: WriteClaim) -> None:
        key, value, lease = self._keys.claim(step.instance), step.record.encode(), self._here().lease_of_claims
        conditions: list[Condition] = [Fence(key, step.fence, lease), Unchanged(key, step.revision)]
        revision = await self._commit(step.instance, conditions, [Put(key, value, lease)], lease)
        self._mirror.note(Entry(key, value, step.fence, revision, lease))

    async def _succeed(self, step: Succeed) -> None:
        """One revision in etcd's order in which the owner changes: nobody ever sees two, or none."""
        claim, successor = self._keys.claim(step.instance), self._keys.successor(step.instance)
        value, lease = step.record.encode(), self._here().lease
        conditions = [Fence(claim, step.owner, step.owner_lease), Fence(successor, step.fence, lease)]
        revision = await self._commit(step.instance, conditions, [Put(claim, value, lease), Delete(successor)])
        self._mirror.note(Entry(claim, value, step.owner, revision, lease), Deleted(successor, revision))

    async def _release(self, instance: InstanceName, key: str, fence: int) -> None:
        revision = await self._commit(instance, [Fence(key, fence, self._here().lease)], [Delete(key)])
        self._mirror.note(Deleted(key, revision))

    async def _commit(
        self,
        instance: InstanceName,
        conditions: Sequence[Condition],
        operations: Sequence[Operation],
        lease: int | None = None,
    ) -> int:
        """Commit what needs a lease: by default, one under which this node may claim."""
        if not (self._here().lease if lease is None else lease):
            raise ClaimLost(f"this node has no lease to hold {instance} under")
        with self._unanswered.asking(instance):
            commit = await self._run(self._store.commit, conditions, operations)
        if not commit.succeeded:
            raise ClaimLost(f"the claim of {instance} is not this node's")
        return commit.revision


async def outcome(attempt: Awaitable[None]) -> Done | Retry:
    """Return the outcome of an attempt to carry out a step that is a transaction in etcd."""
    try:
        await attempt
    except (ClaimLost, EtcdError) as error:
        return claim_failed(error)
    return Done()


def claim_failed(error: ClaimLost | EtcdError) -> Retry:
    """
    Return the outcome of a step that failed with this error.

    A lost claim rests from the first time on: the watch will show who has it, and an earlier retry is in vain. While
    etcd is away a step fails again and again with the same text, which is logged once.
    """
    lost = isinstance(error, ClaimLost)
    return Retry(reason_of(error), ETCD_DELAYS, at_once=lost, once=not lost)
