"""
Which node takes a free instance: the same answer on every node that sees the same state.

Nobody assigns; each node computes this and claims its own share at once, and another's only when that one is late.

Note [Claims arrive one by one]
    Between the first claim and the last each node ranks anew, on a state in which some shares are claimed and others
    are not, in no order. Nobody's share may move by that, or nodes reach for what is another's. So each node's number
    of instances is found first, which only depends on how many there are; and each instance then goes, by its number
    and not by what was claimed, to the node whose turn it is among those that have not got theirs. What others claim
    of this service counts in no other way: the room that it takes is room for one less. Claims of other services, which
    may arrive meanwhile, only count for who gets one more than others; the turns go round in an order of their own.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterable, Mapping

from daprdockr.model.definition import Definition
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.candidates import Candidate, able, mark, room


def rank(
    free: Iterable[InstanceName],
    definition: Definition,
    held: Mapping[str, int],
    candidates: Iterable[Candidate],
    failing: Collection[str] = (),
) -> dict[InstanceName, tuple[str, ...]]:
    """
    For each free instance of one service the nodes that may take it, the one that should first.

    See Note [Claims arrive one by one].

    :param held: how many instances of this service each node holds already.
    :param failing: nodes on which this service fails: they get what nobody else has room for.
    """
    wanted = sorted(free)
    if not wanted:
        return {}
    service = wanted[0].service
    fit = sorted(able(definition, candidates), key=lambda candidate: _tie(service, candidate.name))
    nodes = _in_order(definition, held, fit, failing)
    most = {candidate.name: _most(definition, held, candidate) for candidate in fit}
    shares = _shares(nodes, len(wanted), held, most, failing)
    left = {node: shares[node] - held.get(node, 0) for node in nodes}
    takers = sorted((node for node in nodes if most[node] > held.get(node, 0)), key=lambda n: (n in failing, shares[n]))
    round_ = [candidate.name for candidate in fit]
    ranking: dict[InstanceName, tuple[str, ...]] = {}
    for instance in wanted:
        turn = instance.number % len(round_) if round_ else 0
        first = next((node for node in round_[turn:] + round_[:turn] if left[node]), None)
        if first is None:
            ranking[instance] = ()
        else:
            left[first] -= 1
            ranking[instance] = (first, *(node for node in takers if node != first))
    return ranking


def _in_order(
    definition: Definition, held: Mapping[str, int], fit: Iterable[Candidate], failing: Collection[str]
) -> list[str]:
    """
    First the nodes with the fewest claims of other services, and of these the ones that have the image; equal ones in
    the order they come.
    """
    image = mark(definition.container.image)
    keys = {
        candidate.name: (
            candidate.name in failing,
            candidate.load - held.get(candidate.name, 0),
            image not in candidate.images,
        )
        for candidate in fit
    }
    return sorted(keys, key=keys.__getitem__)


def _most(definition: Definition, held: Mapping[str, int], candidate: Candidate) -> float:
    """How many instances of the service a node can hold, those that it holds included."""
    if definition.placement.one_per_node:
        return min(1, held.get(candidate.name, 0) + room(definition, candidate))
    return held.get(candidate.name, 0) + room(definition, candidate)


def _shares(
    nodes: list[str], free: int, held: Mapping[str, int], most: Mapping[str, float], failing: Collection[str]
) -> dict[str, int]:
    """How many instances each node has in the end, when each goes to one that has the fewest and room for it."""
    shares = {node: held.get(node, 0) for node in nodes}
    queue = [(node in failing, shares[node], place, node) for place, node in enumerate(nodes)]
    heapq.heapify(queue)
    while free and queue:
        fails, share, place, node = heapq.heappop(queue)
        if share < most[node]:
            shares[node] += 1
            free -= 1
            heapq.heappush(queue, (fails, share + 1, place, node))
    return shares


def _tie(service: ServiceName, node: str) -> bytes:
    """An order of equal nodes that differs from service to service, so that none is always the first."""
    return hashlib.blake2b(f"{service} {node}".encode(), digest_size=8).digest()
