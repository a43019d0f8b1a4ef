# -*- test-case-name: tests.unit.agent.reconcile.test_carry_out,tests.unit.agent.reconcile.test_reconcile -*-
"""
The transactions in etcd that carry out steps, and what becomes of a step whose transaction failed.

Decides nothing. A transaction whose condition did not hold fails the step; the watch will show why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import DaprdockrError, EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Operation
from daprdockr.planning.outcome import Done, Retry, reason_of
from daprdockr.runtime.pool import Run

ETCD_DELAYS = Backoff(first=0.5, limit=5.0)
"""
Between two attempts at a write that etcd did not take: it may recover at any moment, and others wait for the report.
"""


class ConditionFailed(DaprdockrError):
    """Another node, or a person, was first, or this node holds no lease any more; the watch will show it."""


async def commit(
    run: Run, store: Store, conditions: Sequence[Condition], operations: Sequence[Operation], otherwise: str
) -> int:
    """
    Commit a transaction, and return its revision.

    :param run: runs a call to ``store`` in a thread.
    :param otherwise: what it means if a condition does not hold, as one line.
    :raises EtcdError: as the store does.
    :raises ConditionFailed: a condition did not hold.
    """
    done = await run(store.commit, conditions, operations)
    if not done.succeeded:
        raise ConditionFailed(otherwise)
    return done.revision


async def outcome(attempt: Awaitable[None]) -> Done | Retry:
    """Return the outcome of an attempt to carry out a step that is a transaction in etcd."""
    try:
        await attempt
    except (ConditionFailed, EtcdError) as error:
        return failed(error)
    return Done()


def failed(error: ConditionFailed | EtcdError) -> Retry:
    """
    Return the outcome of a step that failed with this error.

    After a condition that did not hold the lane rests from the first time on: the watch will show which node was first,
    and an earlier retry is in vain. While etcd is away a step fails again and again with the same text, which is logged
    once.
    """
    overtaken = isinstance(error, ConditionFailed)
    return Retry(reason_of(error), ETCD_DELAYS, at_once=overtaken, once=not overtaken)
