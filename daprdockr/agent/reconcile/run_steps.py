# -*- test-case-name: tests.unit.whole.test_jobs -*-
"""
Carrying out steps about runs of jobs: each is one transaction in etcd, noted in the mirror.

Decides nothing. One whose answer was lost needs no question: the watch shows whether it happened, and a second attempt
is refused by its conditions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import assert_never

from attrs import frozen

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.transactions import commit, outcome
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Condition, Deleted, Operation, Put, Unchanged
from daprdockr.model.stored.run import RunOutput, RunRecord, RunState, deletions
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.run_steps import ForgetRuns, OnRun, RunStep, WriteRun
from daprdockr.runtime.pool import Run

_TOLD = {
    RunState.FAILED: "failed",
    RunState.LOST: "is lost",
    RunState.WAITING: "is tried again",
}


@frozen
class RunSteps:
    """
    :param run: runs a call to ``store`` in a thread.
    :param last_words: reads what a container logged last; it raises nothing on purpose.
    :param record_event: takes an event for people: its subject, one sentence, and lines that belong to it.
    """

    store: Store
    run: Run
    mirror: Mirror
    containers: Containers
    last_words: Callable[[ContainerState], Awaitable[LastWords]]
    record_event: Callable[[str, str, Sequence[str]], None]

    async def __call__(self, step: RunStep) -> Done | Retry:
        """Carry out one step; return its outcome."""
        return await outcome(self.attempt(step))

    async def attempt(self, step: RunStep) -> None:
        """
        Carry out one step, but raise its error.

        :raises EtcdError: as the store does.
        :raises ConditionFailed: the transaction's condition did not hold.
        """
        match step:
            case WriteRun():
                await self._write(step)
            case ForgetRuns():
                await self._forget(step)
            case _:
                assert_never(step)

    async def _write(self, step: WriteRun) -> None:
        keys = self.mirror.cluster.keys
        key, value = keys.run(step.service, step.number), step.record.encode()
        container = self.containers.get(step.ended) if step.ended else None
        lines = (await self.last_words(container)).lines if container is not None else ()
        operations: list[Operation] = [Put(key, value)]
        if lines:
            operations.append(Put(keys.output(step.service, step.number), RunOutput(lines).encode()))
        operations += deletions(keys, step.service, step.pruned)
        known = self.mirror.cluster.runs(step.service).get(step.number)
        revision = await self._commit(step, list(self._conditions(step)), operations)
        pruned = (Deleted(keys.run(step.service, number), revision) for number in step.pruned)
        self.mirror.note(self.mirror.cluster.held.written(key, value, step.revision, revision), *pruned)
        goes_on = known is not None and known.record.state is step.record.state  # it is an event already
        if (text := _text(step.number, step.record)) != "" and not goes_on:
            self.record_event(str(step.service), text, lines)

    async def _forget(self, step: ForgetRuns) -> None:
        keys = self.mirror.cluster.keys
        operations = deletions(keys, step.service, step.numbers)
        revision = await self._commit(step, [Absent(keys.service(step.service))], operations)
        self.mirror.note(*(Deleted(keys.run(step.service, number), revision) for number in step.numbers))

    def _conditions(self, step: WriteRun) -> Iterator[Condition]:
        """See Note [Each run once] in ``daprdockr.model.stored.run``."""
        keys = self.mirror.cluster.keys
        yield Unchanged(keys.run(step.service, step.number), step.revision)
        number, revision = step.after
        if number:
            yield Unchanged(keys.run(step.service, number), revision)
        if step.defined:
            yield Unchanged(keys.service(step.service), step.defined)

    async def _commit(self, step: OnRun, conditions: Sequence[Condition], operations: Sequence[Operation]) -> int:
        otherwise = f"another node, or a person, was first to write about run {step.number} of {step.service}"
        return await commit(self.run, self.store, conditions, operations, otherwise)


def _text(number: int, record: RunRecord) -> str:
    """Return what people should hear of a change of a record; "" if nothing."""
    if record.state is RunState.MISSED:
        times = f", with {record.count} due times," if record.count > 1 else ""
        return f"run {number}{times} was missed: {record.reason}"
    told = _TOLD.get(record.state, "")
    return f"run {number} {told}: {record.reason}" if told else ""
