"""
Carrying out steps about the slots of a rollout: each is one transaction in etcd, noted in the mirror.

Decides nothing. One whose answer was lost needs no question: the watch shows whether it happened, and a second attempt
is refused by its condition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from attrs import frozen

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.transactions import ConditionFailed, commit, outcome
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Condition, Delete, Deleted, Entry, Fence, Operation, Put, Unchanged
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.rollout_steps import FreeSlot, SlotStep, TakeSlot
from daprdockr.planning.situation import Here
from daprdockr.runtime.pool import Run


@frozen
class SlotSteps:
    """
    :param run: runs a call to ``store`` in a thread.
    :param here: returns this node, as it is at the moment of the call.
    """

    store: Store
    run: Run
    mirror: Mirror
    here: Callable[[], Here]

    async def __call__(self, step: SlotStep) -> Done | Retry:
        """Carry out one step; return its outcome."""
        return await outcome(self.attempt(step))

    async def attempt(self, step: SlotStep) -> None:
        """
        Carry out one step, but raise its error.

        :raises EtcdError: as the store does.
        :raises ConditionFailed: the transaction's condition did not hold.
        """
        here = self.here()
        key = self.mirror.cluster.keys.slot(step.instance.service, step.number)
        of_ours: tuple[Condition, ...] = (Fence(key, step.fence, here.lease), Unchanged(key, step.revision))
        ours = of_ours if step.fence else (Absent(key),)
        match step:
            case TakeSlot():
                value = SlotRecord(here.node, step.instance, step.definition).encode()
                revision = await self._commit(step, ours, Put(key, value, here.lease))
                self.mirror.note(Entry(key, value, step.fence or revision, revision, here.lease))
            case FreeSlot():
                self.mirror.note(Deleted(key, await self._commit(step, ours, Delete(key))))
            case _:
                assert_never(step)

    async def _commit(self, step: SlotStep, conditions: Sequence[Condition], operation: Operation) -> int:
        if not self.here().lease:
            raise ConditionFailed(f"this node has no lease to hold a slot for {step.instance} under")
        otherwise = f"slot {step.number} of {step.instance.service} is not this node's"
        return await commit(self.run, self.store, conditions, [operation], otherwise)
