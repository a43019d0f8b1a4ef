# -*- test-case-name: tests.unit.planning.jobs.test_beginning,tests.unit.planning.jobs.test_tending -*-
"""
The next steps of this node for the runs of one service.

Note [Runs that are left]
    A run that goes on when its definition is replaced is tended to its end, and what it was is written down, whatever
    the definition says now: there may be another ``Schedule``, another ``Before``, or neither. Then it is not tried
    again, and only the command of a ``Before`` has a deadline, the one that holds where none is stated, because the
    next one waits for it. Only with its service it is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator

from daprdockr.model.stored.run import MOST_DELETED
from daprdockr.model.wanted.before import USUAL_DEADLINE
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.jobs.beginning import begin
from daprdockr.planning.jobs.settling import settle
from daprdockr.planning.jobs.tending import clear, tend
from daprdockr.planning.jobs.turns import bookkeeping, in_turn
from daprdockr.planning.keeping.preceding import owed
from daprdockr.planning.keeping.rolling import is_stopped
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.placing.awaited import is_kept_back
from daprdockr.planning.run_steps import ForgetRuns
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step


def plan_runs(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps, whether the service is a job, is none any more, or was deleted."""
    service, here = situation.service, situation.here
    if service is not None:
        schedule = service.definition.runs or _left(situation)
        yield from tend(situation, service, schedule, now)
        if here.may_claim:
            yield from settle(situation, service, schedule, now)
            if _is_to_begin(situation, service.definition):
                yield from begin(situation, service, schedule, now)
    elif here.may_claim and situation.runs.records:
        yield from _forget(situation, now)
    yield from clear(situation)


def _left(situation: Situation) -> Schedule:
    """Return how runs are carried out of which the definition says nothing any more: Note [Runs that are left]."""
    texts = [run.record.schedule for run in situation.runs.records.values() if run.record.is_open]
    of_before = any(text.startswith("before ") for text in texts)
    return Schedule(once=True, deadline=USUAL_DEADLINE if of_before else 0)


def _is_to_begin(situation: Situation, definition: Definition) -> bool:
    """Return whether it is a job, or owes a command that may run now: a restart has to find its image first."""
    if definition.before is None:
        return definition.schedule is not None
    if is_kept_back(situation) or is_stopped(situation) or situation.wanted.missing:
        return False
    pins = situation.host.resolved and not situation.rollout.unpinned
    found = not definition.to_pull or (situation.host.pulled_for == definition.to_pull and not pins)
    return found and definition.instances > 0 and owed(situation) != ""


def _forget(situation: Situation, now: float) -> Iterator[Step | Wait]:
    numbers = tuple(sorted(situation.runs.records))[:MOST_DELETED]
    step = ForgetRuns(situation.name, numbers[0], numbers)
    yield from in_turn(bookkeeping(situation, numbers[-1]), situation.runs.waiting_since.get(0, now), step, now)
