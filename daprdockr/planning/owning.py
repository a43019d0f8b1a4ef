# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.test_succession -*-
"""
An instance whose claim is this node's: it is kept running and reported here, or it leaves.

Whether its container runs as it should is decided in ``keeping``, and whether the instance has to leave in ``placing``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.claim_steps import ReleaseClaim, WriteClaim
from daprdockr.planning.keeping.recording import adopted
from daprdockr.planning.keeping.reporting import report, report_without_engine
from daprdockr.planning.keeping.running import keep_running
from daprdockr.planning.keeping.withdrawing import Wait, Withdrawal, remove, withdraw
from daprdockr.planning.placing.failing import gives_up, is_released, overdue_at
from daprdockr.planning.placing.home import why_tied
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step


def own(situation: Situation, claim: Claim, definition: Definition, now: float) -> Iterator[Step | Wait | Withdrawal]:
    """Yield the next steps: as long as it is not certain that this node holds it, nothing is created or stopped."""
    here = situation.here
    uncertain = definition.at_most_one and claim.instance.number in situation.claims.unanswered
    if here.may_claim and claim.lease == here.lease and not uncertain:
        yield from _held(situation, claim, definition, now)
    else:
        yield from _without_engine(situation, claim, definition, now)
        yield from keep_running(situation, claim, definition, False, now)


def _held(situation: Situation, claim: Claim, definition: Definition, now: float) -> Iterator[Step | Wait | Withdrawal]:
    """Keep an instance that this node certainly holds, or let it go: Note [At most one] in ``plan``."""
    node, instance, copies = situation.here.node, claim.instance, situation.of(claim.instance)
    leaves_at = situation.moving.leaving.get(instance.number)
    drained = leaves_at is not None and leaves_at <= now
    released = is_released(situation, instance)
    leaves = drained or (released and gives_up(situation, claim, now))
    elsewhere = why_tied(situation, instance.number)
    if not copies and ((leaves and released) or elsewhere):
        yield ReleaseClaim(instance, claim.fence)
        return
    if leaves and definition.at_most_one:
        reason = f"it leaves {node}" if drained else f"{instance} does not come up on {node}"
        next_steps = [one for copy in copies for one in withdraw(situation, copy, reason, now)]
    elif elsewhere and not any(copy.running for copy in copies):
        next_steps = [remove(copy, elsewhere) for copy in copies]  # any would keep the claim here
    else:
        next_steps = list(keep_running(situation, claim, definition, True, now))
    yield from _report(situation, claim, definition, next_steps, now)
    if leaves_at is not None and not leaves:
        yield Wait(leaves_at)
    yield from next_steps


def _report(
    situation: Situation,
    claim: Claim,
    definition: Definition,
    next_steps: Iterable[Step | Wait | Withdrawal],
    now: float,
) -> Iterator[Step | Wait]:
    """Have the claim say how the instance is, and lead to nothing that is to be stopped."""
    record = _withdrawn(report(situation, claim.instance, definition, now), next_steps)
    if record != claim.record:
        yield WriteClaim(claim.instance, record, claim.fence, claim.revision)
    yield from until_overdue(situation, claim.instance, now)
    if (step := adopted(situation, claim, definition)) is not None:
        yield step


def _withdrawn(record: ClaimRecord, next_steps: Iterable[Step | Wait | Withdrawal]) -> ClaimRecord:
    """Return the record to report if what is to be stopped may not be led to."""
    for one in next_steps:
        if isinstance(one, Withdrawal) and record.healthy and record.container == one.container:
            return evolve(record, state=State.WITHDRAWN, healthy=False, reason=one.reason)
    return record


def _without_engine(situation: Situation, claim: Claim, definition: Definition, now: float) -> Iterator[Step]:
    """Report what is known of a claim under our lease while our Engine is away."""
    here = situation.here
    if here.in_touch and not here.lease and claim.lease == here.held_lease != 0:
        record = report_without_engine(situation, claim, definition, now)
        if record != claim.record:
            yield WriteClaim(claim.instance, record, claim.fence, claim.revision)


def until_overdue(situation: Situation, instance: InstanceName, now: float) -> Iterator[Wait]:
    """Have it planned again when an instance that comes up here should have done so."""
    at = overdue_at(situation, instance)
    if at is not None and at > now:
        yield Wait(at)
