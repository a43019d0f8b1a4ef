"""
Carrying out steps about where the data of instances is: each is one transaction in etcd, noted in the mirror.

Decides nothing. One whose answer was lost needs no question: the watch shows whether it happened, and a second attempt
is refused by its conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from attrs import frozen

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.transactions import ConditionFailed, commit, outcome
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Condition, Delete, Deleted, Fence, Operation, Put, Unchanged
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.situation import Here
from daprdockr.planning.volume_steps import ForgetVolumes, NoteOverdue, OnVolumes, RecordVolumes, VolumeStep
from daprdockr.runtime.pool import Run


@frozen
class VolumeSteps:
    """
    :param run: runs a call to ``store`` in a thread.
    :param here: returns this node, as it is at the moment of the call.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    store: Store
    run: Run
    mirror: Mirror
    here: Callable[[], Here]
    record_event: Callable[[str, str], None]

    async def __call__(self, step: VolumeStep) -> Done | Retry:
        """Carry out one step; return its outcome."""
        return await outcome(self.attempt(step))

    async def attempt(self, step: VolumeStep) -> None:
        """
        Carry out one step, but raise its error.

        :raises EtcdError: as the store does.
        :raises ConditionFailed: the transaction's condition did not hold.
        """
        match step:
            case RecordVolumes():
                await self._record(step)
            case NoteOverdue():
                await self._note(step)
            case ForgetVolumes():
                await self._forget(step)
            case _:
                assert_never(step)

    async def _record(self, step: RecordVolumes) -> None:
        lease = self.here().lease
        if not lease:
            raise ConditionFailed(f"this node has no lease to hold {step.instance} under")
        await self._write(step, Fence(self.mirror.cluster.keys.claim(step.instance), step.fence, lease))

    async def _note(self, step: NoteOverdue) -> None:
        await self._write(step, Absent(self.mirror.cluster.keys.claim(step.instance)))
        node, volumes = step.record.node, ", ".join(step.record.volumes)
        move = f"daprdockrcmd volume move {step.instance} NODE"
        cordoned = node in self.mirror.cluster.cordoned and node in self.mirror.cluster.nodes
        back = f"daprdockrcmd uncordon {node}" if cordoned else f"bring {node} back"
        text = f"still waits for {node}, which has its volume {volumes}: {back}, or leave that data: {move}"
        self.record_event(str(step.instance), text)

    async def _write(self, step: RecordVolumes | NoteOverdue, claimed: Condition) -> None:
        key, value = self.mirror.cluster.keys.volumes(step.instance), step.record.encode()
        revision = await self._commit(step, [claimed, Unchanged(key, step.revision)], [Put(key, value)])
        self.mirror.note(self.mirror.cluster.held.written(key, value, step.revision, revision))

    async def _forget(self, step: ForgetVolumes) -> None:
        keys, service = self.mirror.cluster.keys, step.instance.service
        gone = [keys.volumes(InstanceName(service, number)) for number in step.numbers]
        revision = await self._commit(step, [Absent(keys.service(service))], [Delete(key) for key in gone])
        self.mirror.note(*(Deleted(key, revision) for key in gone))

    async def _commit(self, step: OnVolumes, conditions: Sequence[Condition], operations: Sequence[Operation]) -> int:
        otherwise = f"another node, or a person, was first to write about the volumes of {step.instance}"
        return await commit(self.run, self.store, conditions, operations, otherwise)
