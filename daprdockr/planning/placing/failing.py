# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.placing.test_failing -*-
"""
Instances that do not come up: on which nodes a service fails, and when its owner gives an instance up.

Note [Giving up]
    An instance that failed ``LASTING`` times in a row where it is may run well elsewhere: the host has lost its disk,
    the registry is out of its reach, its Engine starts nothing. So its owner says in the claim that it leaves, as on a
    node that is drained, and goes on retrying, each time later. Another node prepares it and takes over when it is
    healthy there, not before; so nothing moves that would not be better off. A node on which it fails as often drops
    out again, and the next one prepares it. A node reports in its record the services that fail there, and takes
    nothing that another gives up, is given nothing to even out the load, and is ranked behind all others. When no node
    is left the owner keeps the instance and says that it stays. So a bad definition is tried a few times on each node
    and never goes round; a node forgets a failure of ``ATTEMPTS_KEPT`` seconds ago (``agent.host.failures``), and may
    then be tried again. An instance of which there may only be one copy leaves by being released; and so does one
    with named volumes that never had a container here, because its image cannot be pulled: it has no data yet.

    The failure of one definition says nothing about the node. A node on which several services, whose definitions are
    proven elsewhere or by an earlier start, failed by the Engine's own fault, and nothing started since, is ranked
    behind all others for every service: Note [Proven definitions] in ``agent.host.starts``.

Note [Neither up nor failed]
    A copy may neither become healthy nor fail: its start hangs, or its check has no result. Others wait for it
    meanwhile, those that are due to be replaced (Note [Whose turn it is] in ``planning.keeping.replacing``) and those
    that would move after it. So it has ``Update.Deadline`` and ``Update.MinHealthy`` seconds, without the time for
    which etcd is away; they count anew for each definition. Then a successor gives up, which counts like ``LASTING``
    failures on its node; and an owner writes into its claim that it is ``Overdue``, also for a successor elsewhere that
    does not give up in time. An instance that is overdue goes on trying, but nobody waits for it, and it has no turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import STEADY, Attempts
from daprdockr.planning.candidates import failing
from daprdockr.planning.placing.home import empty_volumes
from daprdockr.planning.placing.leaving import why_not
from daprdockr.planning.situation import Situation

_COMING_UP = (State.STARTING, State.PULLING, State.BACKING_OFF)

MOST_FAILS = 64
"""The most failing services that a node reports: its record must stay small."""


def does_not_come_up(
    definition: Definition,
    attempts: Mapping[InstanceName, Attempts],
    pull: Attempts,
    containers: Mapping[int, Iterable[ContainerState]],
    now: float,
) -> list[InstanceName]:
    """
    Return the instances of a service that failed here, as it is defined now, often enough: Note [Giving up].

    :param attempts: those of the present definition, and those of which that is not known.
    """
    if pull.lasting:
        return [InstanceName(definition.name, number) for number in range(1, definition.instances + 1)]
    return [
        instance
        for instance, one in attempts.items()
        if one.lasting
        and (one.unhealthy or now < one.retry_at + STEADY or not _runs(containers.get(instance.number, ()), one.of))
    ]


def _runs(containers: Iterable[ContainerState], generation: str) -> bool:
    """Whether one of this generation does; of any, where that is not known."""
    return any(one.running and generation in ("", one.definition) for one in containers)


def brought_up(node: str, owners: Mapping[int, Claim], successors: Mapping[int, Claim]) -> Iterator[int]:
    """
    Yield the instances that a node is bringing up: as their owner, also if its turn belongs to a successor elsewhere,
    or as their successor.
    """
    for number, claim in owners.items():
        begins = claim.record.state in _COMING_UP or (claim.record.due and number in successors)
        if claim.node == node and begins and not claim.record.healthy:
            yield number
    yield from (number for number, claim in successors.items() if claim.node == node)


def overdue_at(situation: Situation, instance: InstanceName) -> float | None:
    """Return when the time is over in which this node must bring an instance up: Note [Neither up nor failed]."""
    since = situation.moving.coming_up.get(instance.number)
    if since is None or situation.service is None:
        return None
    return max(since, situation.rollout.since) + situation.service.definition.update.longest_start


def is_overdue(situation: Situation, instance: InstanceName, now: float) -> bool:
    at = overdue_at(situation, instance)
    return at is not None and at <= now


def fails_here(situation: Situation, now: float) -> list[InstanceName]:
    """Return the instances of the service that do not come up on this node."""
    if situation.service is None:
        return []
    host = situation.host
    definition = situation.service.definition
    attempts = {instance: situation.attempts(instance, definition.digest) for instance in host.tried}
    return does_not_come_up(definition, attempts, host.pull, host.containers, now)


def failing_now(situation: Situation, now: float) -> set[str]:
    """Return the nodes on which it fails, with this node's own knowledge that it has not reported yet."""
    found = failing(situation.name, situation.claims.owners.values(), situation.placing.candidates)
    return found | {situation.here.node} if fails_here(situation, now) else found


def gives_up(situation: Situation, claim: Claim, now: float) -> bool:
    """
    Return whether this node, which holds the claim, wants another to try: one that may, and on which it does not fail.
    """
    if situation.service is None or claim.instance not in fails_here(situation, now):
        return False
    definition, node = situation.service.definition, situation.here.node
    bad = failing_now(situation, now)
    successor = situation.claims.successors.get(claim.instance.number)
    if successor is not None:
        return successor.node not in bad
    if definition.at_most_one and any(container.running for container in situation.of(claim.instance)):
        return False
    held = Counter(one.node for one in situation.claims.owners.values())
    others = [c for c in situation.placing.candidates if c.name not in bad]
    return not why_not(definition, held, node, others, empty_volumes(situation, claim.instance))


def is_released(situation: Situation, instance: InstanceName) -> bool:
    """Return whether an instance that is given up leaves by being released, and no successor prepares it."""
    definition = situation.service.definition if situation.service is not None else None
    return (definition is not None and definition.at_most_one) or bool(empty_volumes(situation, instance))


def drops_out(situation: Situation, claim: Claim, now: float) -> bool:
    """
    Return whether this node, which prepares an instance, should let another do so; from a drain only if one is there.
    """
    fails = claim.instance in fails_here(situation, now) or is_overdue(situation, claim.instance, now)
    if situation.service is None or not fails:
        return False
    bad = failing_now(situation, now) | {situation.here.node}
    drained = claim.node not in {candidate.name for candidate in situation.placing.candidates}
    held = Counter(one.node for one in situation.claims.owners.values())
    others = [c for c in situation.placing.candidates if c.name not in bad]
    return not drained or not why_not(situation.service.definition, held, claim.node, others)
