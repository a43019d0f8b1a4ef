# -*- test-case-name: tests.unit.planning.jobs.test_beginning,tests.unit.planning.jobs.test_tending -*-
"""The next steps of this node for the runs of one service."""

from __future__ import annotations

from collections.abc import Iterator

from daprdockr.model.stored.run import MOST_DELETED
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.jobs.beginning import begin
from daprdockr.planning.jobs.tending import clear, tend
from daprdockr.planning.jobs.turns import bookkeeping
from daprdockr.planning.keeping.preceding import owed
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.placing.awaited import is_kept_back
from daprdockr.planning.run_steps import ForgetRuns
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step


def plan_runs(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps, whether the service is a job, is none any more, or was deleted."""
    service, here = situation.service, situation.here
    schedule = service.definition.runs if service is not None else None
    if service is not None and schedule is not None:
        yield from tend(situation, service, schedule, now)
        if here.may_claim and _is_to_begin(situation, service.definition):
            yield from begin(situation, service, schedule, now)
    elif service is None and here.may_claim and situation.runs.records:
        yield from _forget(situation, now)
    yield from clear(situation)


def _is_to_begin(situation: Situation, definition: Definition) -> bool:
    """Return whether it is a job, or owes a command that may run now: a restart has to find its image first."""
    if definition.before is None:
        return True
    if is_kept_back(situation):
        return False
    found = not definition.to_pull or (situation.host.pulled_for == definition.to_pull and not situation.host.resolved)
    return found and definition.instances > 0 and owed(situation, definition) != ""


def _forget(situation: Situation, now: float) -> Iterator[Step | Wait]:
    numbers = tuple(sorted(situation.runs.records))[:MOST_DELETED]
    delay = bookkeeping(situation, numbers[-1])
    at = situation.runs.waiting_since.get(0, now) + (delay or 0.0)
    if delay is not None:
        yield ForgetRuns(situation.name, numbers[0], numbers) if at <= now else Wait(at)
