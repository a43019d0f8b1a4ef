"""
When the next run of a job begins, and what is said of one that cannot.

Note [Clocks of jobs]
    A node finds a run due by its own wall clock. That may be wrong, and the clocks of two nodes differ; the numbers of
    the records decide that each due time is settled once (Note [Each run once] in ``model.stored.run``). So a clock
    that is fast makes runs early, and may have some missed, which is said; one that is slow leaves them to other nodes;
    none has a run begun twice, or forgotten. A clock that jumps is not believed at once: ``agent.reconcile.wall``.
    How long something has lasted is measured by the monotonic clock alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.backoff import Backoff
from daprdockr.model.stored.revisioned import KnownRun, Service, is_crowded, newest_of
from daprdockr.model.stored.run import MOST_OPEN, RunRecord, RunState
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.fitting import why_unable
from daprdockr.planning.jobs.settling import is_late, is_outdated
from daprdockr.planning.jobs.turns import bookkeeping, in_turn, turn
from daprdockr.planning.jobs.writing import begun, rewritten
from daprdockr.planning.keeping.preceding import counts, text_of_runs
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.run_steps import WriteRun
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

PAUSES = Backoff(first=10.0, limit=600.0)
"""Between two attempts."""

AHEAD = 10.0
"""A job whose time began so many seconds in the future was set by a clock that is wrong."""

MOST_MISSED = 10_000
"""Due times that are written off in one record."""


def begin(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps about runs that are to begin."""
    newest = newest_of(situation.runs.records)
    yield from _claim_waiting(situation, service, schedule, now)
    if newest is None or begins_anew(service, newest):
        yield from _anew(situation, service, schedule, newest, now)
    elif schedule.cron:
        yield from _due(situation, service, schedule, newest, now)


def begins_anew(service: Service, newest: KnownRun | None) -> bool:
    """Return whether the runs that are remembered are those of another definition, or of another schedule."""
    return newest is None or not counts(service, newest)


def _anew(
    situation: Situation, service: Service, schedule: Schedule, newest: KnownRun | None, now: float
) -> Iterator[Step | Wait]:
    wall, text = int(situation.runs.wall), text_of_runs(service.definition)
    record = RunRecord(RunState.SET, until=wall, schedule=text, job=service.created)
    if schedule.cron:
        step = begun(situation, service, newest, record)
        delay: float | None = bookkeeping(situation, step.number)
    elif _kept_back(situation, schedule):
        return
    else:
        step = begun(situation, service, newest, evolve(_claimed(situation, record), due=wall))
        delay = turn(situation, service.definition, step.number)
    yield from in_turn(delay, situation.runs.waiting_since.get(0, now), step, now)


def _due(
    situation: Situation, service: Service, schedule: Schedule, newest: KnownRun, now: float
) -> Iterator[Step | Wait]:
    wall, record = situation.runs.wall, newest.record
    if record.state is RunState.SET and record.until > wall + AHEAD:  # Note [Clocks of jobs]
        yield rewritten(situation, newest, evolve(record, until=int(wall)))
        return
    late, following = _missed(schedule, record.until, wall)
    shift = now - wall  # from the wall clock to the monotonic one
    kept_back = _kept_back(situation, schedule)
    if late:
        why = kept_back or why_unable(service.definition, situation.placing.candidates) or "no node began it in time"
        step = _told(situation, service, newest, late, why)
        at = late[-1] + schedule.window + shift
        yield from in_turn(bookkeeping(situation, step.number), at, step, now)
    elif following is not None and following <= wall and kept_back:
        yield Wait(following + schedule.window + shift + 1.0)
    elif following is not None:
        step = begun(situation, service, newest, evolve(_claimed(situation, record), due=following, until=following))
        delay = turn(situation, service.definition, step.number)
        if delay is None:
            yield Wait(following + schedule.window + shift + 1.0)
        yield from in_turn(delay, following + shift, step, now)


def _told(situation: Situation, service: Service, newest: KnownRun, late: list[int], reason: str) -> WriteRun:
    """Return the step that says which due times were missed: in the newest record, if that says so of those before."""
    record, until, wall = newest.record, late[-1], situation.runs.wall
    if (record.state, record.last, record.reason) == (RunState.MISSED, record.until, reason):
        more = evolve(record, last=until, until=until, count=record.count + len(late), ended=wall)
        return rewritten(situation, newest, more, defined=service.revision)
    missed = RunRecord(RunState.MISSED, late[0], until, len(late), reason=reason, ended=wall)
    missed = evolve(missed, until=until, schedule=record.schedule, job=record.job)
    return begun(situation, service, newest, missed)


def _missed(schedule: Schedule, until: int, wall: float) -> tuple[list[int], int | None]:
    """Return the due times that are too late by now, and the first one that is not."""
    late: list[int] = []
    for due in schedule.due_after(until):
        if due + schedule.window >= wall or len(late) == MOST_MISSED:
            return late, due
        late.append(due)
    return late, None


def _claimed(situation: Situation, former: RunRecord) -> RunRecord:
    return RunRecord(
        RunState.CLAIMED,
        node=situation.here.node,
        until=former.until,
        schedule=former.schedule,
        job=former.job,
    )


def _kept_back(situation: Situation, schedule: Schedule) -> str:
    """Return why no other run may begin now; "" if one may."""
    runs = situation.runs.records
    if is_crowded(runs):
        return f"{MOST_OPEN} runs were under way, or waited"
    is_open = any(run.record.is_open for run in runs.values())
    return "another run was under way" if is_open and not schedule.overlap else ""


def _claim_waiting(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Claim the first run that waits, unless one is under way that it may not overlap."""
    records = situation.runs.records
    if not schedule.overlap and any(run.record.under_way for run in records.values()):
        return
    waits = (run for _, run in sorted(records.items()) if run.record.state is RunState.WAITING)
    wall = situation.runs.wall
    waiting = [run for run in waits if not (is_outdated(service, run) or is_late(schedule, run, wall))]
    for run in waiting if schedule.overlap else waiting[:1]:
        former = run.record
        pause = PAUSES.delay(former.attempt - 1, 0.0) if former.attempt > 1 else 0.0
        claimed = evolve(former, state=RunState.CLAIMED, node=situation.here.node, status=-1)
        step = rewritten(situation, run, claimed, defined=service.revision)
        since = situation.runs.waiting_since.get(run.number, now)
        delay = turn(situation, service.definition, run.number, not_again=former.node)
        yield from in_turn(delay, since + pause, step, now)
