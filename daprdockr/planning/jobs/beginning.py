"""
When the next run of a job begins, and what is said of one that cannot.

Note [Clocks of jobs]
    A node finds a run due by its own wall clock. That may be wrong, and the clocks of two nodes differ; the numbers of
    the records decide that each due time is settled once (Note [Each run once] in ``model.stored.run``). So a clock
    that is fast makes runs early, and may have some missed, which is said; one that is slow leaves them to other nodes;
    none has a run begun twice, or forgotten. A clock that jumps is not believed at once: ``agent.reconcile.wall``.
    How long something has lasted is measured by the monotonic clock alone.

Note [Written off]
    A run whose node has been away for ``AWAY`` seconds, much longer than its lease, so that an agent which is started
    again finds its runs its own, is lost: it is tried again if ``Retries`` allow it, though the node may only be cut
    off, and the container go on there. A run that was only claimed has not begun: another node takes it over.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.backoff import Backoff
from daprdockr.model.stored.revisioned import KnownRun, Service, newest_of
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.jobs.turns import bookkeeping, turn
from daprdockr.planning.jobs.writing import begun, failed, rewritten
from daprdockr.planning.keeping.preceding import text_of_runs
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

AWAY = 30.0
"""Seconds after which a run is written off whose node is away."""

PAUSES = Backoff(first=10.0, limit=600.0)
"""Between two attempts."""

AHEAD = 10.0
"""A job whose time began so many seconds in the future was set by a clock that is wrong."""

MOST_MISSED = 10_000
"""Due times that are written off in one record."""


def begin(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps about runs that nobody carries out."""
    newest = newest_of(situation.runs.records)
    yield from _written_off(situation, schedule, now)
    yield from _claim_waiting(situation, service, schedule, now)
    if newest is None or begins_anew(service, newest):
        yield from _anew(situation, service, schedule, newest, now)
    elif schedule.cron:
        yield from _due(situation, service, schedule, newest, now)


def begins_anew(service: Service, newest: KnownRun | None) -> bool:
    """Return whether the runs that are remembered are those of another definition, or of another schedule."""
    expected = (text_of_runs(service.definition), service.created)
    return newest is None or (newest.record.schedule, newest.record.job) != expected


def _anew(
    situation: Situation, service: Service, schedule: Schedule, newest: KnownRun | None, now: float
) -> Iterator[Step | Wait]:
    number = newest.number + 1 if newest is not None else 1
    wall, text = int(situation.runs.wall), text_of_runs(service.definition)
    record = RunRecord(RunState.SET, until=wall, schedule=text, job=service.created)
    delay = bookkeeping(situation, number)
    if not schedule.cron:
        if _is_kept_back(situation, schedule):
            return
        delay = turn(situation, service.definition, number)
        record = evolve(_claimed(situation, record), due=wall)
    yield from _after(delay, situation.runs.waiting_since.get(0, now), begun(situation, service, newest, record), now)


def _due(
    situation: Situation, service: Service, schedule: Schedule, newest: KnownRun, now: float
) -> Iterator[Step | Wait]:
    wall, record = situation.runs.wall, newest.record
    if record.state is RunState.SET and record.until > wall + AHEAD:  # Note [Clocks of jobs]
        yield rewritten(situation, newest, evolve(record, until=int(wall)))
        return
    late, following = _missed(schedule, record.until, wall)
    shift = now - wall  # from the wall clock to the monotonic one
    number = newest.number + 1
    if late:
        reason = "another run was under way" if _is_kept_back(situation, schedule) else "no node began it in time"
        count, until = len(late), late[-1]
        missed = RunRecord(RunState.MISSED, late[0], until, count, reason=reason, ended=wall)
        missed = evolve(missed, until=until, schedule=record.schedule, job=record.job)
        at = until + schedule.window + shift
        yield from _after(bookkeeping(situation, number), at, begun(situation, service, newest, missed), now)
    elif following is not None and following <= wall and _is_kept_back(situation, schedule):
        yield Wait(following + schedule.window + shift + 1.0)
    elif following is not None:
        claimed = evolve(_claimed(situation, record), due=following, until=following)
        delay = turn(situation, service.definition, number)
        if delay is None:
            yield Wait(following + schedule.window + shift + 1.0)
        yield from _after(delay, following + shift, begun(situation, service, newest, claimed), now)


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


def _is_kept_back(situation: Situation, schedule: Schedule) -> bool:
    """Return whether a run may not begin because another one has not ended."""
    return not schedule.overlap and any(run.record.is_open for run in situation.runs.records.values())


def _claim_waiting(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Claim the first run that waits, unless one is under way that it may not overlap."""
    records = situation.runs.records
    if not schedule.overlap and any(run.record.under_way for run in records.values()):
        return
    waiting = [run for _, run in sorted(records.items()) if run.record.state is RunState.WAITING]
    for run in waiting if schedule.overlap else waiting[:1]:
        former = run.record
        pause = PAUSES.delay(former.attempt - 1, 0.0) if former.attempt > 1 else 0.0
        claimed = evolve(former, state=RunState.CLAIMED, node=situation.here.node, status=-1)
        step = rewritten(situation, run, claimed, defined=service.revision)
        since = situation.runs.waiting_since.get(run.number, now)
        delay = turn(situation, service.definition, run.number, not_again=former.node)
        yield from _after(delay, since + pause, step, now)


def _written_off(situation: Situation, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """See Note [Written off]."""
    for number, since in sorted(situation.runs.away_since.items()):
        run = situation.runs.records.get(number)
        if run is None or not run.record.under_way:
            continue
        reason = f"node {run.record.node} went away"
        late = run.record.due and run.record.due + schedule.window < situation.runs.wall and schedule.cron
        if run.record.state is RunState.RUNNING:
            step = failed(situation, run, schedule, RunState.LOST, f"{reason}, so nobody knows how it ended")
        elif late:
            missed = evolve(run.record, state=RunState.MISSED, last=run.record.due, count=1, ended=situation.runs.wall)
            step = rewritten(situation, run, evolve(missed, reason=f"{reason} before it began"))
        else:
            waits = evolve(run.record, state=RunState.WAITING, reason=f"{reason} before it began")
            step = rewritten(situation, run, waits)
        yield from _after(bookkeeping(situation, number), since + AWAY, step, now)


def _after(delay: float | None, since: float, step: Step, now: float) -> Iterator[Step | Wait]:
    """Yield a step when it is this node's turn; None: it never is."""
    if delay is not None:
        yield step if since + delay <= now else Wait(since + delay)
