# -*- test-case-name: tests.unit.planning.jobs.test_beginning,tests.unit.planning.jobs.test_turns -*-
"""
Which node begins a run, and which one writes down what all of them see. The same answer on every node that sees the
same state; a node whose turn is later acts only if the earlier ones did not.

Note [Nodes that take no instances]
    A cordoned node begins no run of a job. But it goes on with the instances it has, also through a rollout, so it may
    begin the command before that, after all other nodes. Any node that has a lease may write down what becomes of runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate, mark
from daprdockr.planning.fitting import able, room
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

TURN = 0.5
"""Seconds between the turns of two nodes."""

LATEST = 20
"""Turns after which all nodes have theirs: in a large cluster nobody waits for minutes."""


def turn(situation: Situation, definition: Definition, number: int, not_again: str = "") -> float | None:
    """
    Return how long this node leaves a run to others, in seconds, or None if it may not begin it.

    A node on which the service fails, or which the run left (``not_again``), comes last; one that has the image comes
    first, then one with room left. Runs count nothing in the load of a node, so one that is full may begin them.
    """
    fit = able(definition, situation.placing.candidates)
    left = room(definition, fit)
    image, service = mark(definition.image), str(situation.name)
    order = sorted(
        fit,
        key=lambda one: (
            one.dark or service in one.fails,
            one.name == not_again,
            image not in one.images,
            not left[one.name],
            _draw(service, number, one.name),
        ),
    )
    return _delay(situation.here.node, [*(one.name for one in order), *_staying(situation, definition, number)])


def bookkeeping(situation: Situation, number: int) -> float:
    """Return how long this node leaves a note about a run to others."""
    nodes = [one.name for one in situation.placing.candidates]
    delay = _delay(situation.here.node, sorted(nodes, key=lambda node: _draw(str(situation.name), number, node)))
    return LATEST * TURN if delay is None else delay


def in_turn(delay: float | None, since: float, step: Step, now: float) -> Iterator[Step | Wait]:
    """Yield a step when it is this node's turn, ``delay`` seconds after ``since``; None: it never is."""
    if delay is not None:
        yield step if since + delay <= now else Wait(since + delay)


def _staying(situation: Situation, definition: Definition, number: int) -> list[str]:
    """Return the nodes that have instances of the service and take no more: Note [Nodes that take no instances]."""
    here, service = situation.here, str(situation.name)
    if definition.before is None:
        return []
    owners = {claim.node for claim in situation.claims.owners.values()}
    owners.difference_update(one.name for one in situation.placing.candidates)
    itself = Candidate(here.node, here.labels, 0, allow=here.allow, keys=here.keys)
    if not here.cordoned or not able(definition, [itself]):
        owners.discard(here.node)
    return sorted(owners, key=lambda node: _draw(service, number, node))


def _delay(node: str, order: Iterable[str]) -> float | None:
    places = {name: place for place, name in enumerate(order)}
    return min(places[node], LATEST) * TURN if node in places else None


def _draw(service: str, number: int, node: str) -> bytes:
    """Return a key that orders the nodes differently for each run."""
    return hashlib.blake2b(f"{service} {number} {node}".encode(), digest_size=8).digest()
