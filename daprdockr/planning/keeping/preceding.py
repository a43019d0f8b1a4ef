# -*- test-case-name: tests.unit.whole.test_before -*-
"""
The command that has to succeed before a rollout begins, ``Before`` of a definition.

Note [Before a rollout]
    The command is a run, as those of jobs, whose record names the digest of the definition and the command. As long as
    it has not succeeded no container of that definition is created, and no slot of the rollout is taken: the containers
    of the former definition go on. If it fails, or is lost with its node, the rollout has failed like one whose new
    container does not come up: Note [A rollout that failed] in ``judging``.

    It runs once for each rollout. A run counts for the definition as it was stored last: one that failed if it was
    begun after that, so that the same definition, stored again by a person who mended the database, gets a run of its
    own; one that succeeded if its record was written after that, so a change of ``Instances`` meanwhile costs no second
    run. When a definition is stored again that serves, the node of its first instance writes the record of its run once
    more as it is, so that it counts also when all containers are gone some day.

    It is not owed for a definition to which a claim leads already, or of which a copy is here; nor for the one that is
    put back because the rollout to another one failed. So the way back, which has to work when all else has not, runs
    no command of old. A person who goes back begins a rollout like any other.
"""

from __future__ import annotations

from daprdockr.model.stored.revisioned import KnownRun, Service
from daprdockr.model.stored.rollout import RolloutState
from daprdockr.model.stored.run import RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.fitting import why_unable
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


def belongs(service: Service, run: KnownRun) -> bool:
    """Return whether a run is one of the present definition, whenever that was stored."""
    return (run.record.schedule, run.record.job) == (text_of_runs(service.definition), service.created)


def counts(service: Service, run: KnownRun) -> bool:
    """Return whether a run counts for the definition as it was stored last: Note [Before a rollout]."""
    if not belongs(service, run):
        return False
    since = run.created if run.record.state in _FAILED else run.revision
    return service.definition.before is None or since > service.revision


def owed(situation: Situation) -> str:
    """Return why no container of the definition may be created yet; "" if nothing is owed."""
    service = situation.service
    if service is None or not _is_needed(situation, service):
        return ""
    run = _latest(situation, service)
    if run is None or run.record.state is RunState.WAITING or not counts(service, run):
        why = _nowhere(situation, service.definition)
        return f"waits for its Before: {why}" if why else "waits for its Before"
    if run.record.is_open:
        return "waits for its Before"
    return "" if run.record.state is RunState.DONE else how_it_failed(run)


def failed_run(situation: Situation) -> KnownRun | None:
    """Return the run of the command that failed, if it did."""
    service = situation.service
    run = _latest(situation, service) if service is not None and _is_needed(situation, service) else None
    if service is None or run is None or run.record.state not in _FAILED or not counts(service, run):
        return None
    return run


def how_it_failed(run: KnownRun) -> str:
    """Return as text how a run of the command failed."""
    return f"Before failed: {run.record.reason} (run {run.number})"


def to_renew(situation: Situation, service: Service) -> KnownRun | None:
    """Return the run that succeeded for a definition which serves, and which was stored again since."""
    run = _latest(situation, service) if service.definition.before is not None else None
    if run is None or run.record.state is not RunState.DONE or run.revision > service.revision:
        return None
    return run if _serves(situation, service.definition) else None


def _nowhere(situation: Situation, definition: Definition) -> str:
    """Return why no node may begin it, for people; "" if one may: Note [Nodes that take no instances] in ``turns``."""
    candidates = situation.placing.candidates
    others = {claim.node for claim in situation.claims.owners.values()}.difference(one.name for one in candidates)
    return "" if others else why_unable(definition, candidates)


def _latest(situation: Situation, service: Service) -> KnownRun | None:
    found = [run for run in situation.runs.records.values() if belongs(service, run)]
    return max(found, key=lambda run: run.number, default=None)


def _is_needed(situation: Situation, service: Service) -> bool:
    """Return whether the command has to succeed at some time: Note [Before a rollout]."""
    definition = service.definition
    if definition.before is None or _serves(situation, definition):
        return False
    if (stopped := situation.rollout.record) is None:
        return True
    return stopped.record.state is not RolloutState.REVERTED or not stopped.record.concerns(definition)


def _serves(situation: Situation, definition: Definition) -> bool:
    """Return whether a claim leads to a container of the definition, or one is here."""
    known = situation.claims
    claims = (*known.owners.values(), *known.successors.values(), *known.lost.values())
    here = (one for ones in situation.host.containers.values() for one in ones)
    return definition.digest in {claim.record.definition for claim in claims}.union(one.definition for one in here)
