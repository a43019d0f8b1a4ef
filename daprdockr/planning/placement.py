"""
Which node takes a free instance: the same answer on every node that sees the same state.

Nobody assigns; each node computes this and claims its own share at once, and another's only when that one is late.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.definition import Definition
from daprdockr.model.names import InstanceName
from daprdockr.model.parts import Constraint


@frozen
class Candidate:
    """A node that may take instances, with its labels and the number of claims it holds."""

    name: str
    labels: Mapping[str, str]
    load: int


def meets(constraint: Constraint, candidate: Candidate) -> bool:
    """Whether a node's labels meet a constraint; ``node`` is a label every node has."""
    value = candidate.name if constraint.label == "node" else candidate.labels.get(constraint.label)
    return (value == constraint.value) == constraint.equal


def able(definition: Definition, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that meet all constraints of a definition."""
    constraints = definition.placement.constraints
    return [candidate for candidate in candidates if all(meets(constraint, candidate) for constraint in constraints)]


def rank(
    free: Iterable[InstanceName],
    definition: Definition,
    held: Mapping[str, int],
    candidates: Iterable[Candidate],
) -> dict[InstanceName, tuple[str, ...]]:
    """
    For each free instance of one service the nodes that may take it, the one that should first.

    :param held: how many instances of this service each node holds already.
    """
    mine = Counter(held)
    loads = Counter({candidate.name: candidate.load for candidate in able(definition, candidates)})
    fit = list(loads)
    ranking: dict[InstanceName, tuple[str, ...]] = {}
    for instance in sorted(free):
        nodes = [name for name in fit if not (definition.placement.one_per_node and mine[name])]
        order = sorted(nodes, key=lambda name: (mine[name], loads[name], _tie(instance, name)))
        ranking[instance] = tuple(order)
        if order:
            mine[order[0]] += 1
            loads[order[0]] += 1
    return ranking


def _tie(instance: InstanceName, node: str) -> bytes:
    """An order of equal nodes that differs from service to service, so that none is always the first."""
    return hashlib.blake2b(f"{instance.service} {node}".encode(), digest_size=8).digest()
