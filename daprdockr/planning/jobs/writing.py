# -*- test-case-name: tests.unit.planning.jobs.test_tending -*-
"""The steps that write records of runs: how one ends, and what a new one takes over from the newest."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.names import one_line
from daprdockr.model.stored.revisioned import KnownRun, Service, outdated_runs
from daprdockr.model.stored.run import LONGEST_REASON, RunRecord, RunState
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.run_steps import WriteRun
from daprdockr.planning.situation import Situation


def rewritten(situation: Situation, run: KnownRun, record: RunRecord, last: str = "", defined: int = 0) -> WriteRun:
    """Return the step that writes another record of a run; ``last`` is the container whose last lines are kept."""
    told = evolve(record, reason=one_line(record.reason, LONGEST_REASON))
    return WriteRun(situation.name, run.number, told, revision=run.revision, defined=defined, ended=last)


def begun(situation: Situation, service: Service, newest: KnownRun | None, record: RunRecord) -> WriteRun:
    """Return the step that creates the next number after the newest one; the oldest records go."""
    number = newest.number + 1 if newest is not None else 1
    after = (newest.number, newest.revision) if newest is not None else (0, 0)
    pruned = outdated_runs(situation.runs.records, number)
    return WriteRun(situation.name, number, record, after=after, defined=service.revision, pruned=pruned)


def missed(situation: Situation, record: RunRecord, reason: str) -> RunRecord:
    """Return the record of a run that will not begin any more; one that a person asked for was not due."""
    ended = evolve(record, state=RunState.MISSED, reason=reason, ended=situation.runs.wall)
    return evolve(ended, last=record.due, count=1) if record.due else ended


def failed(
    situation: Situation,
    run: KnownRun,
    schedule: Schedule,
    state: RunState,
    reason: str,
    last: str = "",
    status: int = -1,
) -> WriteRun:
    """
    Return the step that ends an attempt that did not succeed, of which the container ``last`` is there: another one
    follows, as long as ``Retries`` allow.
    """
    record = run.record
    if record.attempt <= schedule.retries:
        what = f"attempt {record.attempt} on {record.node}: {reason}"
        again = evolve(record, state=RunState.WAITING, attempt=record.attempt + 1, container="", reason=what)
        return rewritten(situation, run, evolve(again, status=status), last)
    ended = evolve(record, state=state, ended=situation.runs.wall, status=status, reason=reason)
    return rewritten(situation, run, ended, last)
