# -*- test-case-name: tests.unit.planning.jobs.test_beginning -*-
"""
Which node begins a run, and which one writes down what all of them see. The same answer on every node that sees the
same state; a node whose turn is later acts only if the earlier ones did not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import able, mark, room
from daprdockr.planning.situation import Situation

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
    return _delay(situation.here.node, (one.name for one in order))


def bookkeeping(situation: Situation, number: int) -> float | None:
    """Return how long this node leaves a note about a run to others, or None if it takes no part."""
    nodes = [one.name for one in situation.placing.candidates]
    return _delay(situation.here.node, sorted(nodes, key=lambda node: _draw(str(situation.name), number, node)))


def _delay(node: str, order: Iterable[str]) -> float | None:
    places = {name: place for place, name in enumerate(order)}
    return min(places[node], LATEST) * TURN if node in places else None


def _draw(service: str, number: int, node: str) -> bytes:
    """Return a key that orders the nodes differently for each run."""
    return hashlib.blake2b(f"{service} {number} {node}".encode(), digest_size=8).digest()
