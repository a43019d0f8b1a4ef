"""
Carrying out steps about claims: each is one transaction in etcd, and what it changed is noted in the mirror.

Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.transactions import ConditionFailed, commit, outcome
from daprdockr.agent.reconcile.unanswered import Unanswered
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
from daprdockr.planning.outcome import Fault, StepOutcome
from daprdockr.planning.situation import Here
from daprdockr.runtime.pool import Run


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
        :raises ConditionFailed: a transaction's condition did not hold.
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
            raise ConditionFailed(f"this node has no lease to hold {instance} under")
        otherwise = f"the claim of {instance} is not this node's"
        with self._unanswered.asking(instance):
            return await commit(self._run, self._store, conditions, operations, otherwise)
