# -*- test-case-name: tests.unit.planning.keeping.test_replacing,tests.unit.whole.test_unhealthy -*-
"""
Which container is replaced because its health check goes on failing, and when. Pure.

Note [Whose turn it is]
    A container whose check failed ``Retries`` times in a row is stopped and started anew, but its claim has to say
    first that it is unhealthy and ``Due``: then nothing leads to it on any node, and it is not the last healthy one.
    When all instances fail at once, what they share is likely to be away, and to restart all of them would only make it
    worse. So at most ``Update.Parallelism`` instances of a service are replaced at a time in the cluster, by a rule
    that each node applies to the claims alone: an instance that is coming up takes a turn, and the turns that are left
    go to those that are due, in the order of the revisions of their claims.

    Two nodes cannot both take the last turn. Each knows its own claim at least as well as the other does, and a claim
    only gets later revisions. If both did, A would know its own claim to be older than B's, as A knows that, which is
    no later than B's really is, which B knows to be older than A's: A's claim would be older than itself. One that was
    replaced and is due again has a later revision, and goes to the end.

    One that waits before it is started anew is coming up, too. One in a crash loop is coming up only as long as none is
    healthy and it does not leave its node: then those that are due would follow it, one after another, into the same
    loop. Otherwise they do not wait for it, because it may never come up. While another node prepares to take an
    instance over, the turn belongs to the copy there, and the owner's is left alone. A copy beside a healthy one of the
    same instance serves nobody, and needs no turn: such a successor, and the new copy in a rollout, which has a slot.

    One whose claim says that it is ``Overdue`` takes no turn any more, and nobody waits for it (Note [Neither up nor
    failed] in ``planning.placing.failing``): neither for one that comes up without an end, nor for one whose turn a
    successor has, whose copy may be replaced without a turn from then on. When that is over its claim says so by a
    later revision, and it is the last in the order.

Note [Ever more seldom]
    Each replacement doubles the number of failures after which the next one is due, up to ``SELDOM`` seconds, so a
    program that starts more slowly than its check allows comes up in the end. An image's own HEALTHCHECK has its own
    counts; there only the pause before the start grows. A replacement counts as a failure of that copy, which no run
    makes up for but one of ten minutes: after ``LASTING`` of them the instance moves to another node (Note [Giving up]
    in ``planning.placing.failing``). Not counted is what another container would not repair: nginx cannot reach it, its
    check could not be made, it is paused, or its network was taken from it.
"""

from __future__ import annotations

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.rolling import slot_of
from daprdockr.planning.situation import Situation

SELDOM = 300.0
"""Seconds of failing checks after which a container is replaced again, at most, unless ``Retries`` take longer."""


def is_due(situation: Situation, container: ContainerState, definition: Definition) -> bool:
    """Return whether the check of a container of the present definition failed so often that it is to be replaced."""
    known = situation.host.diagnosis(container.id)
    if container.definition != definition.digest or known.unreached:
        return False
    if container.status is Status.PAUSED or container.cut_off:
        return False
    if definition.check.type == "docker":
        return container.health == "unhealthy"
    return known.failed >= _needed(situation, container, definition)


def _needed(situation: Situation, container: ContainerState, definition: Definition) -> int:
    """Return how many failures in a row are needed: Note [Ever more seldom]."""
    check, needed = definition.check, definition.check.retries
    for _ in range(situation.attempts(container.instance, container.definition).count):
        if 2 * needed * check.interval > SELDOM:
            break
        needed *= 2
    return needed


def has_its_turn(situation: Situation, container: ContainerState, definition: Definition) -> bool:
    """Return whether a container of ours that is due is replaced now: Note [Whose turn it is]."""
    number = container.instance.number
    owner, successor = situation.claims.owners.get(number), situation.claims.successors.get(number)
    if owner is None or (successor or owner).node != situation.here.node:
        return False
    serves_nobody = owner.record.healthy or owner.record.overdue or slot_of(situation, container.instance)
    if owner.record.container != container.id and serves_nobody:
        return True
    return owner.record.due and not owner.record.overdue and _turn_of(situation, owner, definition)


def _turn_of(situation: Situation, claim: Claim, definition: Definition) -> bool:
    owners = [one for number, one in situation.claims.owners.items() if number <= definition.instances]
    owners = [one for one in owners if not one.record.overdue]
    none_healthy = not any(one.record.healthy for one in owners)
    coming = [one for one in owners if _is_coming_up(one, none_healthy)]
    ahead = [one for one in owners if one.record.due and one.revision < claim.revision]
    return len(coming) + len(ahead) < definition.update.parallelism


def _is_coming_up(claim: Claim, none_healthy: bool) -> bool:
    record = claim.record
    if record.healthy or record.state is State.UNHEALTHY:
        return False
    return not record.fails or (none_healthy and not record.leaving)
