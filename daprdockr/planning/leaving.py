"""
Which instances a node should hand over to another: all of them from a node that is drained, one service's after
another; and one at a time from a node that has more than its share, when rebalancing is on.

An instance that keeps data on its node's disk does not leave: elsewhere it would start with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daprdockr.model.cluster import Claim, Service
from daprdockr.model.definition import Definition
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.placement import Candidate, able


def keeps_data(definition: Definition) -> str:
    """The volume or bind that ties an instance to its node; "" if nothing does."""
    fields = definition.container.fields
    named = [volume for volume in fields.get("Volumes", ()) if ":" in volume]
    return next(iter([*fields.get("Binds", ()), *named]), "")


def why_not(definition: Definition, held: Mapping[str, int], node: str, candidates: Iterable[Candidate]) -> str:
    """Why an instance can not leave ``node``, in words; "" if it can. ``held``: instances of the service per node."""
    tie = keeps_data(definition)
    if tie:
        return f"it keeps data in {tie}"
    others = [candidate for candidate in candidates if candidate.name != node]
    if not others:
        return "there is no other node"
    fit = able(definition, others)
    if not fit:
        return "no other node meets its constraints"
    if definition.placement.one_per_node and all(held.get(candidate.name) for candidate in fit):
        return "every other node that fits has one"
    return ""


def leaving(
    node: str,
    draining: bool,
    rebalance: bool,
    services: Mapping[ServiceName, Service],
    claims: Mapping[ServiceName, Mapping[int, Claim]],
    candidates: tuple[Candidate, ...],
) -> frozenset[InstanceName]:
    """The instances of ``node`` that should leave it now; ``claims`` are those of the services it has a part in."""
    movable = []
    for name in sorted(claims):
        if name not in services:
            continue
        definition = services[name].definition
        held = _held(claims[name].values())
        own = sorted(n for n, c in claims[name].items() if c.node == node and n <= definition.instances)
        if own and not why_not(definition, held, node, candidates):
            movable.append((definition, InstanceName(name, own[0]), held))
    if draining:
        return frozenset(instance for _, instance, _ in movable)
    if not rebalance:
        return frozenset()
    return frozenset([i for definition, i, held in movable if _relieves(node, definition, held, candidates)][:1])


def _relieves(node: str, definition: Definition, held: Mapping[str, int], candidates: tuple[Candidate, ...]) -> bool:
    """Whether this node, and no other before it, is more than one instance above the least loaded node that fits."""
    loads = {candidate.name: candidate.load for candidate in candidates}
    most = min(loads, key=lambda name: (-loads[name], name), default="")
    free = [
        c.load
        for c in able(definition, candidates)
        if c.name != node and not (definition.placement.one_per_node and held.get(c.name))
    ]
    return most == node and bool(free) and loads[node] - min(free) > 1


def _held(claims: Iterable[Claim]) -> dict[str, int]:
    held: dict[str, int] = {}
    for claim in claims:
        held[claim.node] = held.get(claim.node, 0) + 1
    return held
