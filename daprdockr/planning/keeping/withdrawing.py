"""
Letting a copy go without losing a request: first nothing leads to it any more, then it is stopped.

Note [Withdrawn, then stopped]
    A copy that is going to be stopped on purpose is withdrawn first: either its own claim says so, or another change
    did that already (its service was deleted or scaled down, another node took the instance over). It goes on running
    until all nodes have reported that their names and routes have reached that revision: Note [Acknowledged, then
    stopped] in ``agent.membership.progress``. A node that has not is given ``REACH_TIMEOUT`` seconds, or until its
    lease has ended. Then the copy may go on working on requests that it received before, for ``Update.Drain`` seconds
    at most, counted from when it was withdrawn.

    Only a running copy waits, and nothing else waits for it but what has to follow its end. When one copy at most may
    run, and another node has the claim, it does not wait. A copy that died leaves names and routes at once, as before.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from daprdockr.model.host import ContainerState
from daprdockr.model.stored.revisioned import Service
from daprdockr.model.wanted.update import Update
from daprdockr.planning.container_steps import RemoveContainer, StopContainer
from daprdockr.planning.situation import KnownClaims, Situation, Withdrawn
from daprdockr.planning.steps import Step

REACH_TIMEOUT = 2.0
"""Seconds to wait for a node that has not reported that its names and routes have changed."""


@frozen
class Wait:
    """
    Not a step: plan again at ``at`` (monotonic seconds). Other nodes are asked to report when they have ``reached``
    this revision.
    """

    at: float
    reached: int = 0


@frozen
class Withdrawal:
    """Not a step: our claim, if it leads to this container, should say that nothing leads there any more, and why."""

    container: str
    reason: str


def is_led_to(node: str, service: Service | None, claims: KnownClaims, container: ContainerState) -> bool:
    """Return whether names and routes lead to a copy that runs on this node, by this state of the claims."""
    number = container.instance.number
    if service is None or number > service.definition.instances:
        return False
    claim = claims.owners.get(number) or claims.lost.get(number)
    if claim is None or claim.node != node:
        return False
    return claim.record.healthy and claim.record.container == container.id


def withdraw(
    situation: Situation, container: ContainerState, reason: str, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """Yield the next step towards the removal of a copy, which waits until nothing leads to it."""
    if not container.running:
        yield remove(container, reason)
        return
    yield Withdrawal(container.id, reason)
    if container.instance.number in situation.claims.unanswered:  # Note [An answer that was lost] in ``planning.plan``
        return
    if is_led_to(situation.here.node, situation.service, situation.claims, container):
        return
    wait = _wait(situation, container, now)
    yield remove(container, reason) if wait is None else wait


def _wait(situation: Situation, container: ContainerState, now: float) -> Wait | None:
    """Return for how long a copy that was withdrawn goes on running; None if it may be stopped."""
    fronts = situation.fronts
    seen = fronts.withdrawn.get(container.id, Withdrawn(now, situation.here.revision))
    behind = any(revision < seen.revision for revision in fronts.reached.values())
    if behind and now < seen.since + REACH_TIMEOUT:
        return Wait(seen.since + REACH_TIMEOUT, seen.revision)
    update = situation.service.definition.update if situation.service is not None else Update()
    busy = any(port.host in fronts.busy for port in container.ports if port.protocol == "tcp" and port.host)
    if busy and now < seen.since + update.drain:
        return Wait(seen.since + update.drain, seen.revision)
    return None


def remove(container: ContainerState, reason: str) -> Step:
    """Return the next step towards the removal of a container, at once."""
    if container.running:
        return StopContainer(
            container.instance, container.id, container.stop_timeout, reason, generation=container.definition
        )
    return RemoveContainer(container.instance, container.id, reason, generation=container.definition)
