"""
Which node takes a free instance: the same answer on every node that sees the same state.

Nobody assigns; each node computes this and claims its own share at once, and another's only when that one is late.

Note [Claims arrive one by one]
    Between the first claim and the last each node ranks anew, on a state in which some shares are claimed and others
    are not, in no order. Nobody's share may move by that, or nodes reach for what is another's. So each node's number
    of instances is found first, which only depends on how many there are; and each instance then goes, by its number
    and not by what was claimed, to the node whose turn it is among those that have not got theirs. What others claim
    of this service counts in no other way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.definition import Definition
from daprdockr.model.names import InstanceName, ServiceName
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

    See Note [Claims arrive one by one].

    :param held: how many instances of this service each node holds already.
    """
    wanted = sorted(free)
    if not wanted:
        return {}
    nodes = _able(wanted[0].service, definition, held, candidates)
    shares = _shares(nodes, len(wanted), definition, held)
    left = {node: shares[node] - held.get(node, 0) for node in nodes}
    orderly = sorted(nodes, key=lambda node: shares[node])
    ranking: dict[InstanceName, tuple[str, ...]] = {}
    for instance in wanted:
        turn = instance.number % len(nodes) if nodes else 0
        first = next((node for node in nodes[turn:] + nodes[:turn] if left[node]), None)
        if first is None:
            ranking[instance] = ()
        else:
            left[first] -= 1
            ranking[instance] = (first, *(node for node in orderly if node != first))
    return ranking


def _able(
    service: ServiceName, definition: Definition, held: Mapping[str, int], candidates: Iterable[Candidate]
) -> list[str]:
    """The nodes that may take an instance; first those with the fewest claims of other services."""
    loads = {
        candidate.name: candidate.load - held.get(candidate.name, 0)
        for candidate in able(definition, candidates)
        if not (definition.placement.one_per_node and held.get(candidate.name))
    }
    return sorted(loads, key=lambda node: (loads[node], _tie(service, node)))


def _shares(nodes: list[str], free: int, definition: Definition, held: Mapping[str, int]) -> dict[str, int]:
    """How many instances each node has in the end, when each goes to one that has the fewest."""
    shares = {node: held.get(node, 0) for node in nodes}
    for _ in range(min(free, len(nodes)) if definition.placement.one_per_node else free):
        if nodes:
            shares[min(nodes, key=lambda node: shares[node])] += 1
    return shares


def _tie(service: ServiceName, node: str) -> bytes:
    """An order of equal nodes that differs from service to service, so that none is always the first."""
    return hashlib.blake2b(f"{service} {node}".encode(), digest_size=8).digest()
