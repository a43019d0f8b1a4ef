"""
Which node takes a free instance: the same answer on every node that sees the same state.

Nobody assigns; each node computes this and claims its own share at once, and another's only when that one is late.

Note [Claims arrive one by one]
    Between the first claim and the last each node ranks again, on a state in which some shares are claimed and others
    are not, in no order. No share may move because of that, or nodes claim instances of each other's shares. So each
    node's number of instances is computed first, which only depends on how many there are; and each instance then goes,
    by its number and not by what was claimed, to the next node in rotation that has not got its share. The
    claims of other nodes for this service count in no other way: the room that one takes is room for one less. Claims
    of other services only count for who gets one more than others, and not as they happen to be just now: Note [A wave]
    in ``wave``. The rotation has an order of its own.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen

from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate, mark
from daprdockr.planning.fitting import able, room


@frozen
class Ranking:
    """
    The nodes that may take the free instances of a service: for each, by its number, the node that should ``first``,
    unless there is none, and behind it all other ``takers`` in their order.
    """

    first: Mapping[int, str]
    takers: tuple[str, ...]
    _places: Mapping[str, int] = field(init=False, eq=False, repr=False)

    @_places.default
    def _(self) -> Mapping[str, int]:
        return {node: place for place, node in enumerate(self.takers)}

    def place(self, number: int, node: str) -> int | None:
        """Return how many nodes should take an instance before ``node``; None: it may not, or nobody may."""
        first, place = self.first.get(number), self._places.get(node)
        if first is None or place is None:
            return None
        return 0 if node == first else place + (place < self._places[first])


def rank(
    free: Iterable[int],
    definition: Definition,
    held: Mapping[str, int],
    candidates: Iterable[Candidate],
    failing: Collection[str] = (),
) -> Ranking:
    """
    Return the ranking for the free instances of one service. See Note [Claims arrive one by one].

    :param free: the numbers of these instances.
    :param held: how many instances of this service each node holds already.
    :param failing: nodes on which this service fails: they get what nobody else has room for.
    """
    wanted = sorted(free)
    if not wanted:
        return Ranking({}, ())
    service = str(definition.name)
    fit = sorted(able(definition, candidates), key=lambda candidate: _tie(service, candidate.name))
    nodes = _in_order(definition, held, fit, failing)
    most = _most(definition, held, fit)
    shares = _shares(nodes, len(wanted), held, most, failing)
    left = {candidate.name: shares[candidate.name] - held.get(candidate.name, 0) for candidate in fit}
    able_to = [node for node in nodes if most[node] > held.get(node, 0)]
    takers = sorted(able_to, key=lambda node: (node in failing, shares[node]))
    return Ranking(dict(zip(wanted, _rotate(wanted, left), strict=False)), tuple(takers))


def held_by_node(claims: Mapping[int, Claim], successors: Mapping[int, Claim]) -> Counter[str]:
    """Return how many instances of a service each node has, or prepares to take over from their owners."""
    moving = (claim for number, claim in successors.items() if number in claims)
    return Counter(claim.node for claim in (*claims.values(), *moving))


def vacancies(definition: Definition, claims: Container[int]) -> list[int]:
    """Return the numbers of a service's wanted instances that are not among ``claims``."""
    return [number for number in range(1, definition.instances + 1) if number not in claims]


def _rotate(wanted: Sequence[int], left: Mapping[str, int]) -> Iterator[str]:
    """
    Yield the node for each instance, until none is left: its number says which of the nodes in ``left`` is next in
    rotation, which keeps their order and passes over those that have got their share.
    """
    nodes, to_give = list(left), dict(left)
    waiting = [place for place, node in enumerate(nodes) if left[node]]
    for number in wanted:
        if not waiting:
            return
        index = bisect_left(waiting, number % len(nodes)) % len(waiting)
        node = nodes[waiting[index]]
        to_give[node] -= 1
        if not to_give[node]:
            del waiting[index]
        yield node


def _in_order(
    definition: Definition, held: Mapping[str, int], fit: Iterable[Candidate], failing: Collection[str]
) -> list[str]:
    """
    Return the nodes in order: first those with the fewest claims of other services, and of these the ones that have the
    image; equal ones in the order they come.
    """
    image = mark(definition.image)
    keys = {
        candidate.name: (
            candidate.name in failing,
            candidate.load - held.get(candidate.name, 0),
            image not in candidate.images,
        )
        for candidate in fit
    }
    return sorted(keys, key=keys.__getitem__)


def _most(definition: Definition, held: Mapping[str, int], fit: Iterable[Candidate]) -> dict[str, float]:
    """Return how many instances of the service each node can hold, including those that it holds."""
    limit = 1 if definition.one_per_node else math.inf
    return {node: min(limit, held.get(node, 0) + left) for node, left in room(definition, fit).items()}


def _shares(
    nodes: list[str], free: int, held: Mapping[str, int], most: Mapping[str, float], failing: Collection[str]
) -> dict[str, int]:
    """Return how many instances each node has in the end, when each goes to one that has the fewest and room for it."""
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


@functools.lru_cache(maxsize=16384)
def _tie(service: str, node: str) -> bytes:
    """Return a key that orders equal nodes differently from service to service, so that none is always the first."""
    return hashlib.blake2b(f"{service} {node}".encode(), digest_size=8).digest()
