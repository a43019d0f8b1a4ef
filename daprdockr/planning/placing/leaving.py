"""
Which instances a node should hand over to another: all of them from a node that is drained, one service's after
another, and so those of services whose constraints this node does not meet any more; and one at a time from a node that
has more than its share, when rebalancing is on.

To even things out an instance goes only where there are fewer of its service, and that service gives one first of which
the node has most: two instances of a service on one node would fail together. Of two nodes the one with more instances
has more of some service, so there is such an instance, unless it is tied or unhealthy, or the node keeps what it has:
then the node with the next most gives one, if it has two more than another.

An instance that keeps data on its node's disk does not leave: elsewhere it would start with nothing. One that is not
healthy does not leave to even things out: it is unknown whether it ever would be elsewhere, and others wait behind it.
One of a service with ``OnPartition: stop`` can only leave by stopping first, so it does that only from a node that is
drained, or that its constraints forbid, and when all other instances of the service are healthy.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from attrs import evolve

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate, failing
from daprdockr.planning.fitting import able, meets, no_port, room
from daprdockr.planning.placing.moves import Move, counted, moves

REBALANCE_AFTER = 5.0
"""Seconds that an imbalance must last: while a service is being placed, claim by claim, there is one for a moment."""

Claims = Mapping[ServiceName, Mapping[int, Claim]]
"""Claims, or successions, by service and instance number."""


def keeps_data(definition: Definition, empty: Collection[str] = ()) -> str:
    """
    Return the volume, bind or mount that ties an instance to its node; "" if nothing does.

    :param empty: the names of volumes of which it is known that they have no data of the instance.
    """
    fields = definition.container.fields
    named = [volume for volume in fields.get("Volumes", ()) if ":" in volume]
    mounts = ({key.lower(): value for key, value in mount.items()} for mount in fields.get("Mounts", ()))
    sources = [str(mount["source"]) for mount in mounts if mount.get("source")]
    volumes = (one for one in (*fields.get("Binds", ()), *named, *sources) if one.partition(":")[0] not in empty)
    return next(iter([*volumes, *fields.get("VolumesFrom", ())]), "")


def why_not(
    definition: Definition,
    held: Mapping[str, int],
    node: str,
    candidates: Iterable[Candidate],
    empty: Collection[str] = (),
) -> str:
    """
    Return why an instance cannot leave ``node``, as text; "" if it can. ``held``: instances of the service per node;
    ``empty``: as for ``keeps_data``.
    """
    tie = keeps_data(definition, empty)
    if tie:
        return f"it keeps data in {tie}"
    others = [candidate for candidate in candidates if candidate.name != node]
    if not others:
        return "no other node takes instances now"
    fit = able(definition, others)
    if not fit:
        return "no other node meets its constraints"
    if lack := no_port(definition, fit, "other node"):
        return lack
    free = [candidate for candidate in fit if not (definition.one_per_node and held.get(candidate.name))]
    if not free:
        return "every other node that fits has one"
    if not any(room(definition, free).values()):
        return "no other node has the memory or processors that it states"
    return ""


def leaving(
    node: str,
    draining: Collection[str],
    rebalance: bool,
    services: Mapping[ServiceName, Service],
    claims_of: Callable[[str], Claims],
    successors: Claims,
    candidates: tuple[Candidate, ...],
) -> frozenset[InstanceName]:
    """
    Return the instances of ``node`` that should leave it.

    :param draining: the nodes that hand over all of theirs.
    :param claims_of: returns those of the services that a node has a part in.
    :param successors: those of all services.
    """
    claims = claims_of(node)
    misplaced = services if node in draining else _misplaced(node, services, claims, candidates)
    if misplaced:
        others = [candidate for candidate in candidates if candidate.name != node]
        may = _may_leave(node, draining, misplaced, claims, others)
        found = frozenset(_movable(node, True, may, claims, moves(services, successors), others))
        if found:
            return found
    if not rebalance or node in draining:
        return frozenset()
    given = _evening_out(node, services, claims, successors, candidates)
    # The others come last: where nobody can give one, each node would go through all claims at each change.
    before = _with_more(node, candidates) if given else ()
    if any(_evening_out(one, services, claims_of(one), successors, candidates) for one in before):
        return frozenset()  # one node at a time evens things out
    return frozenset(given)


def _with_more(node: str, candidates: Sequence[Candidate]) -> list[str]:
    """
    Return the nodes that even things out before ``node``: those with more instances, and of equal ones the first, but
    for those that keep what they have.
    """
    order = sorted(candidates, key=lambda candidate: (-candidate.load, candidate.name))
    before = takewhile(lambda candidate: candidate.name != node, order)
    return [candidate.name for candidate in before if not candidate.keeps]


def _evening_out(
    node: str,
    services: Mapping[ServiceName, Service],
    claims: Claims,
    successors: Claims,
    candidates: tuple[Candidate, ...],
) -> list[InstanceName]:
    """Return the instance that a node gives to even things out, first of all one on its way; empty if it has none."""
    loads = _without_own_moves(node, claims, successors, candidates)
    own = next((one.load for one in loads if one.name == node), 0)
    if all(one.load > own - 2 for one in loads):
        return []

    def order(instance: InstanceName) -> tuple[bool, int, InstanceName]:
        held = sum(claim.node == node for claim in claims[instance.service].values())
        return instance.number not in successors.get(instance.service, {}), -held, instance

    under_way = moves(services, successors)
    return sorted(_movable(node, False, services, claims, under_way, loads), key=order)[:1]


def forbidden(definition: Definition, node: str, candidates: Iterable[Candidate]) -> bool:
    """Return whether the constraints of a definition keep its instances from a node, as far as its labels are known."""
    here = (candidate for candidate in candidates if candidate.name == node)
    return not all(meets(constraint, one) for one in here for constraint in definition.placement.constraints)


def _misplaced(
    node: str, services: Mapping[ServiceName, Service], claims: Claims, candidates: tuple[Candidate, ...]
) -> dict[ServiceName, Service]:
    """Return the services that may have no instance on this node any more."""
    known = (name for name in claims if name in services and services[name].definition.placement.constraints)
    return {name: services[name] for name in known if forbidden(services[name].definition, node, candidates)}


def takers(
    owner: str,
    candidates: Sequence[Candidate],
    held: Mapping[str, int],
    healthy: bool = True,
    failing: Container[str] = (),
) -> list[Candidate]:
    """
    Return the candidates that may take an instance over from ``owner``: all others when it is no candidate itself,
    because then it is drained; otherwise none that is ``failing``, and of a ``healthy`` one, which leaves to even out
    the load, only those that have less than the owner even after the move, and fewer instances of the service: ``held``
    has these by node. So each move evens things out, and they end.
    """
    others = [candidate for candidate in candidates if candidate.name != owner]
    if len(others) == len(candidates):
        return others
    others = [candidate for candidate in others if candidate.name not in failing]
    if not healthy:
        return others
    most = next(candidate.load for candidate in candidates if candidate.name == owner) - 2
    own = held.get(owner, 0)
    return [candidate for candidate in others if candidate.load <= most and held.get(candidate.name, 0) < own]


def _movable(
    node: str,
    must: bool,
    services: Mapping[ServiceName, Service],
    claims: Claims,
    under_way: Sequence[Move],
    candidates: Sequence[Candidate],
) -> Iterator[InstanceName]:
    """
    Yield one instance of each service that another node can take, preferably one that is on its way. For the room see
    Note [First begun, first served] in ``moves``.

    :param must: whether they have to leave, and do not only even out the load; then this node is no candidate.
    """
    names = claims.keys() & services.keys()
    own = {name: _own(node, must, services[name].definition, claims[name]) for name in names}
    mine, others = _divided(under_way, own)
    left = counted(candidates, under_way, -1)
    for name in sorted(names, key=lambda name: (mine[name][0].begun if mine[name] else math.inf, name)):
        before = [one for one in others if not mine[name] or one.precedence < mine[name][0].precedence]
        left, others = counted(left, before), others[len(before) :]
        if own[name] and _is_taken(node, must, services[name].definition, claims[name], left):
            begun = {move.instance.number for move in mine[name]}
            yield InstanceName(name, min(own[name], key=lambda number: (number not in begun, number)))
            left = counted(left, mine[name])


def _divided(
    under_way: Iterable[Move], own: Mapping[ServiceName, Collection[int]]
) -> tuple[dict[ServiceName, list[Move]], list[Move]]:
    """Return the moves of ``own`` instances, by service, and all others."""
    mine: dict[ServiceName, list[Move]] = {name: [] for name in own}
    others: list[Move] = []
    for move in under_way:
        is_own = move.instance.number in own.get(move.instance.service, ())
        (mine[move.instance.service] if is_own else others).append(move)
    return mine, others


def _is_taken(
    node: str, must: bool, definition: Definition, claims: Mapping[int, Claim], candidates: Sequence[Candidate]
) -> bool:
    """Return whether an instance of a service may leave a node, and one of these nodes takes it."""
    if (definition.at_most_one and not must) or keeps_data(definition):
        return False
    held = Counter(claim.node for claim in claims.values())
    bad = () if must else failing(definition.name, claims.values(), candidates)
    return not why_not(definition, held, node, takers(node, candidates, held, failing=bad))


def _own(node: str, must: bool, definition: Definition, claims: Mapping[int, Claim]) -> list[int]:
    """Return the wanted instances of a service that a node has; where none ``must`` leave, the healthy ones alone."""
    own = ((number, claim) for number, claim in claims.items() if claim.node == node)
    return [n for n, claim in own if n <= definition.instances and (must or claim.record.healthy)]


def _may_leave(
    node: str,
    draining: Collection[str],
    services: Mapping[ServiceName, Service],
    claims: Claims,
    others: Sequence[Candidate],
) -> dict[ServiceName, Service]:
    """
    Return the services whose instances on a node may leave it. One that leaves by stopping may if each other one is
    healthy, and none with a lower number has to leave its node as well: several nodes may be drained, or forbidden by a
    change of the constraints, at one moment, and each sees that the others are healthy.
    """

    def may_stop(definition: Definition, of: Mapping[int, Claim]) -> bool:
        held = Counter(claim.node for claim in of.values())
        first = min((number for number, claim in of.items() if claim.node == node), default=0)
        before = {claim.node for number, claim in of.items() if number < first}
        leave = (one for one in before if one in draining or forbidden(definition, one, others))
        return _others_are_well(node, definition, of) and all(why_not(definition, held, one, others) for one in leave)

    return {
        name: service
        for name, service in services.items()
        if not service.definition.at_most_one or may_stop(service.definition, claims.get(name, {}))
    }


def _others_are_well(node: str, definition: Definition, claims: Mapping[int, Claim]) -> bool:
    """Return whether each wanted instance of a service is healthy or on this node."""
    held = (claims.get(number) for number in range(1, definition.instances + 1))
    return all(claim is not None and (claim.node == node or claim.record.healthy) for claim in held)


def _without_own_moves(
    node: str, claims: Claims, successors: Claims, candidates: tuple[Candidate, ...]
) -> tuple[Candidate, ...]:
    """
    Return the loads as if nothing of this node were on its way. Otherwise a useful move would become useless as soon as
    another node prepares for it, and be cancelled, and be useful again.
    """
    coming: Counter[str] = Counter()
    for name, held in successors.items():
        own = claims.get(name, {})
        coming.update(s.node for number, s in held.items() if number in own and own[number].node == node)
    return tuple(evolve(c, load=c.load - coming[c.name]) if c.name in coming else c for c in candidates)
