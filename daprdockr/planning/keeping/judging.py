# -*- test-case-name: tests.unit.planning.keeping.test_judging,tests.unit.whole.test_failed_rollouts -*-
"""
When a rollout has failed, and what becomes of it: the former definition is put back, or it waits for a person. Pure.

Note [A rollout that failed]
    The node that sees one of these ends the rollout, for the whole service: a registry answers that it does not have
    the image, or does not give it; the container of an instance of its own cannot be created or started, ends by itself
    soon after its start, or was replaced again and again because its health check fails; or it has held a slot for
    ``Update.Deadline`` seconds, and its new container did not become healthy for ``Update.MinHealthy`` more. A death
    that may be a kill from outside counts from the second one on. A rollout goes on, in this respect, until the service
    has been healthy as a whole for ``STEADY`` seconds, or nothing has moved for three times as long, so that a program
    that dies soon after it took over is seen.

    A registry that does not answer is no failure: the nodes go on asking, and no slot is taken meanwhile, so no
    deadline runs. Nor does one run while etcd is away.

    One transaction puts the former definition back, as a new revision, with the record of the rollout; it compares the
    mod revision of the definition and that of the record. So of several nodes that see a failure one reverts, and a
    definition that a person stored meanwhile stays. The former definition is the newest revision that is marked as good
    and makes another container. It is put back once: if the way back fails too, or the same definition is stored again
    by a program that leaves the record as it is, the rollout waits for a person, as it does with ``OnFailure: pause``,
    or without a revision to go back to. While it waits no instance takes a slot; ``resume`` deletes the record, and the
    failures from before do not count, not even by a request that was made then (Note [Stopped again, too late] in
    ``cli.commands.resume``).

Note [Good revisions]
    ``daprdockrcmd`` marks a revision as good when it replaces it, if the service is healthy as a whole then. If a
    rollout ends well, the node of the first instance marks it too, once, because a host may be down when the next
    change is made. A node whose agent began after the rollout had ended marks nothing, so restarts cost etcd nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.history import Revision, Revisions
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import SPOILT, STEADY, Attempts
from daprdockr.planning.keeping.not_in_time import not_in_time
from daprdockr.planning.keeping.preceding import failed_run, how_it_failed
from daprdockr.planning.keeping.rolling import is_outdated, is_proven, is_stopped, slot_of
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.rollout_steps import MarkGood, StopRollout
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

_Failed = tuple[InstanceName, str, int]
"""An instance, what failed there, and the number of the run that did (0: it was no run)."""


def judge_rollout(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Yield the step that ends the rollout, because it failed, or that notes that it ended well."""
    service, rollout = situation.service, situation.rollout
    if service is None or not situation.here.may_claim or is_stopped(situation):
        return
    definition = service.definition
    for found in _all_failures(situation, definition, now):
        if isinstance(found, Wait):
            yield found
            continue
        instance, reason, run = found
        record = rollout.record
        reverts = definition.update.on_failure == "revert" and not _was_reverted(situation, definition)
        stopped = record.revision if record is not None else 0
        yield StopRollout(situation.name, service.revision, instance, reason, reverts, stopped, run)
        return
    if rollout.settles_at is not None and rollout.settles_at > now:
        yield Wait(rollout.settles_at)
    elif rollout.settles_at is not None and rollout.unmarked:
        yield MarkGood(situation.name, service.revision)


def _all_failures(situation: Situation, definition: Definition, now: float) -> Iterator[_Failed | Wait]:
    """Yield what failed before the rollout began, as long as that is owed, and while it goes on."""
    run, owners = failed_run(situation), situation.claims.owners
    first = next((number for number, one in sorted(owners.items()) if one.node == situation.here.node), None)
    if run is not None and first is not None:
        yield owners[first].instance, how_it_failed(run), run.number
    elif situation.rollout.goes_on:
        yield from _failures(situation, definition, now)


def _failures(situation: Situation, definition: Definition, now: float) -> Iterator[_Failed | Wait]:
    """Yield what failed at instances of this node, and when the deadline of each will be over."""
    here, claims = situation.here, situation.claims.owners
    own = [claim for _, claim in sorted(claims.items()) if claim.node == here.node and claim.lease == here.lease]
    wanted = [claim for claim in own if claim.instance.number <= definition.instances]
    pull = situation.host.pull
    for claim in wanted:
        attempts = situation.attempts(claim.instance, definition.digest)
        if has_failed(attempts, definition, situation.rollout.since):
            yield claim.instance, attempts.reason, 0
        elif is_outdated(claim, definition) and pull.last.refused and pull.last.at >= situation.rollout.since:
            yield claim.instance, pull.reason, 0
        else:
            yield from _overdue(situation, claim.instance, definition, now)


def has_failed(attempts: Attempts, definition: Definition, since: float) -> bool:
    """Return whether what is known of a new container says that it does not work: Note [A rollout that failed]."""
    last = attempts.last
    if not attempts.count or last.at < since:
        return False
    if attempts.starts or attempts.unhealthy:
        return attempts.lasting or attempts.starts >= SPOILT
    soon = last.lived < max(STEADY, 2 * definition.update.min_healthy)
    return soon and (attempts.count > 1 or not last.killed)


def _overdue(
    situation: Situation, instance: InstanceName, definition: Definition, now: float
) -> Iterator[_Failed | Wait]:
    slot, since = slot_of(situation, instance), situation.rollout.held_since.get(instance.number)
    if slot is None or since is None or slot.record.definition != definition.digest:
        return
    copies = [one for one in situation.of(instance) if one.definition == definition.digest]
    if any(one.running and is_proven(situation, one, definition, now) for one in copies):
        return
    due = since + definition.update.longest_start
    if due > now:
        yield Wait(due)
        return
    yield instance, not_in_time(situation, instance, definition, now), 0


def _was_reverted(situation: Situation, definition: Definition) -> bool:
    """Return whether a rollout to or from this definition was reverted already, and nobody has stored one since."""
    stopped = situation.rollout.record
    if stopped is None or stopped.record.state is not RolloutState.REVERTED:
        return False
    return not {definition.digest, definition.stated.digest}.isdisjoint((stopped.record.before, stopped.record.to))


def former(history: Revisions, definition: Definition) -> Revision | None:
    """
    Return the revision to go back to: the newest good one that makes another container. There is none if the present
    one uses secrets or stored files and was good itself: then one of those is what changed.
    """
    newest, digest = history.newest, definition.stated.digest
    if _stored(definition) and newest is not None and newest.record.good and newest.record.digest == digest:
        return None
    return next((one for one in reversed(history.revisions) if one.record.good and one.record.digest != digest), None)


def stopped_record(step: StopRollout, definition: Definition, back: Revision | None, node: str) -> RolloutRecord:
    """
    Return the record of a rollout that failed.

    :param back: the revision that is put back, None if none is.
    """
    state, reason = RolloutState.PAUSED, step.reason
    if back is not None:
        state = RolloutState.REVERTED
    elif step.reverts:
        stored = _stored(definition)
        again = f", if a {stored} changed, set it again" if stored else ""
        state, reason = RolloutState.FAILED, f"{reason} (no other revision is known to be good{again})"
    elif definition.update.on_failure == "revert":
        state, reason = RolloutState.FAILED, f"{reason} (it was reverted once, which is not done again)"
    before = back.record.digest if back is not None else ""
    return RolloutRecord(state, before, definition.digest, reason, node, str(step.instance), run=step.run)


def _stored(definition: Definition) -> str:
    """Return what kinds of values a definition names that are stored apart from it; "" for none."""
    kinds = ("secret", bool(definition.secrets)), ("file", any(use.content is None for use in definition.files))
    return " or ".join(kind for kind, there in kinds if there)
