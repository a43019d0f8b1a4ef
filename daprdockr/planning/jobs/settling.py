# -*- test-case-name: tests.unit.planning.jobs.test_settling -*-
"""
The ends of runs that nobody carries out any more, written down by whichever node has its turn.

Note [Written off]
    A run whose node has been away for ``AWAY`` seconds, much longer than its lease, so that an agent which is started
    again finds its runs its own, is lost: it is tried again if ``Retries`` allow it, though the node may only be cut
    off, and the container go on there. A run that was only claimed has not begun: another node takes it over.

Note [Nobody may run it]
    A run that a person asked for waits for one that is under way, however long. But if no node has had what it needs
    for as long as the window, it is missed, with the reason: the person waits for it.

Note [Another definition]
    A run carries out what was due when it was due, or what a person asked for. If the schedule, the command before a
    rollout, or for a job that runs once its container, is another one by the time it would begin, or none, it is
    missed: what is due now gets a run of its own. A person asks for what the job is then, so any change ends that, too:
    that person learns it, and may ask again. Of a due run with the same schedule the present definition is carried
    out, as of any later one.

Note [Late after all]
    A run that was due is missed when its ``Window`` is over, also if it was claimed and did not begin: its node went
    away, and no other one could take it yet, or came back too late. It would begin however late, and keep all others
    from beginning until then. A run that its node finds claimed in time goes on, however long its image takes; and
    neither another attempt nor a run that a person asked for has such a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.stored.revisioned import KnownRun, Service
from daprdockr.model.stored.run import RunState
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.fitting import why_unable
from daprdockr.planning.jobs.turns import bookkeeping, in_turn
from daprdockr.planning.jobs.writing import failed, missed, rewritten
from daprdockr.planning.keeping.preceding import belongs, to_renew
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.run_steps import WriteRun
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

AWAY = 30.0
"""Seconds after which a run is written off whose node is away."""


def settle(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps about runs that nobody carries out, or that have ended."""
    yield from _written_off(situation, schedule, now)
    for number, run in sorted(situation.runs.records.items()):
        since = situation.runs.waiting_since.get(number, now)
        if run.record.state is not RunState.WAITING:
            continue
        if is_outdated(service, run):
            yield from in_turn(bookkeeping(situation, number), since, not_begun(situation, service, run), now)
        elif number in situation.runs.stuck_since:
            why = why_unable(service.definition, situation.placing.candidates) or "no node could carry it out"
            step, at = rewritten(situation, run, missed(situation, run.record, why)), situation.runs.stuck_since[number]
            yield from in_turn(bookkeeping(situation, number), at + schedule.window, step, now)
        elif (late_at := late_after(schedule, run)) is not None:
            why = why_unable(service.definition, situation.placing.candidates) or "no node began it in time"
            step, shift = rewritten(situation, run, missed(situation, run.record, why)), now - situation.runs.wall
            yield from in_turn(bookkeeping(situation, number), late_at + shift, step, now)
    first = min(situation.claims.owners.items(), default=None)
    renewed = to_renew(situation, service)
    if renewed is not None and first is not None and first[1].node == situation.here.node:
        yield rewritten(situation, renewed, renewed.record, defined=service.revision)


def late_after(schedule: Schedule, run: KnownRun) -> float | None:
    """Return when a run that has not begun is missed, by the wall clock: Note [Late after all]; None: never."""
    if not (schedule.cron and run.record.due and run.record.attempt == 1):
        return None
    return run.record.due + schedule.window


def is_late(schedule: Schedule, run: KnownRun, wall: float) -> bool:
    at = late_after(schedule, run)
    return at is not None and at < wall


def is_outdated(service: Service, run: KnownRun) -> bool:
    """Return whether a run that has not begun would carry out another definition: Note [Another definition]."""
    return not belongs(service, run) if run.record.due else service.revision > run.created


def not_begun(situation: Situation, service: Service, run: KnownRun) -> WriteRun:
    """Return the step that ends a run, or its next attempt, which would carry out another definition."""
    record = run.record
    if record.attempt > 1:
        reason = f"{record.reason}; the definition changed before it was tried again"
        ended = evolve(record, state=RunState.FAILED, reason=reason, ended=situation.runs.wall)
    else:
        ended = missed(situation, record, "the definition changed before it began")
    return rewritten(situation, run, ended, defined=service.revision)


def _written_off(situation: Situation, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """See Note [Written off]."""
    for number, since in sorted(situation.runs.away_since.items()):
        run = situation.runs.records.get(number)
        if run is None or not run.record.under_way:
            continue
        reason = f"node {run.record.node} went away"
        if run.record.state is RunState.RUNNING:
            step = failed(situation, run, schedule, RunState.LOST, f"{reason}, so nobody knows how it ended")
        elif is_late(schedule, run, situation.runs.wall):
            step = rewritten(situation, run, missed(situation, run.record, f"{reason} before it began"))
        else:
            waits = evolve(run.record, state=RunState.WAITING, reason=f"{reason} before it began")
            step = rewritten(situation, run, waits)
        yield from in_turn(bookkeeping(situation, number), since + AWAY, step, now)
