# -*- test-case-name: tests.unit.whole.test_before -*-
"""
The command that has to succeed before a rollout begins, ``Before`` of a definition.

Note [Before a rollout]
    The command is a run, as those of jobs, whose record names the digest of the definition and the command, so that it
    runs once for each change. As long as it has not succeeded no container of that definition is created, and no slot
    of the rollout is taken: the containers of the former definition go on. If it fails, or is lost with its node, the
    rollout has failed like one whose new container does not come up: Note [A rollout that failed] in ``judging``.

    It is not owed for a definition to which a claim leads already, or of which a copy is here. So the way back to the
    former definition, whose containers have served all the time, runs no command of old.
"""

from __future__ import annotations

from daprdockr.model.stored.revisioned import KnownRun
from daprdockr.model.stored.run import RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.situation import Situation

_FAILED = frozenset({RunState.FAILED, RunState.LOST, RunState.MISSED})


def text_of_runs(definition: Definition) -> str:
    """Return the text by which the runs of a definition differ from others: see ``RunRecord.schedule``."""
    if definition.before is not None:
        return f"before {definition.digest} {definition.before.mark}"
    schedule = definition.schedule
    if schedule is None:
        return ""
    return schedule.text if schedule.cron else f"{schedule.text} {definition.digest}"


def owed(situation: Situation, definition: Definition) -> str:
    """Return why no container of the definition may be created yet; "" if nothing is owed."""
    if definition.before is None or _serves(situation, definition):
        return ""
    run = _run(situation, definition)
    if run is not None and run.record.state is RunState.DONE:
        return ""
    return failure(situation, definition) or "waits for its Before"


def failure(situation: Situation, definition: Definition) -> str:
    """Return how the command failed; "" if it did not."""
    run = _run(situation, definition) if definition.before is not None else None
    if run is None or run.record.state not in _FAILED or _serves(situation, definition):
        return ""
    return f"Before failed: {run.record.reason} (run {run.number})"


def _run(situation: Situation, definition: Definition) -> KnownRun | None:
    text = text_of_runs(definition)
    found = [run for run in situation.runs.records.values() if run.record.schedule == text]
    return max(found, key=lambda run: run.number, default=None)


def _serves(situation: Situation, definition: Definition) -> bool:
    """Return whether a claim leads to a container of the definition, or one is here."""
    known = situation.claims
    claims = (*known.owners.values(), *known.successors.values(), *known.lost.values())
    here = (one for ones in situation.host.containers.values() for one in ones)
    return definition.digest in {claim.record.definition for claim in claims}.union(one.definition for one in here)
