"""
Which faults happen, in which order, to whom and for how long: the same for the same seed, always.

Everything is drawn before anything starts. Kinds come as from a bag that holds each of them once, and pairs twice, and
is filled again when it is empty: so a long run has all kinds, and about as often.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from attrs import evolve

from tests.chaos.faults import Fault, Kind, Scope
from tests.chaos.kinds import KINDS
from tests.rig.cluster.cluster import MEMBERS

PAIRS = 2
"""Of two kinds at once, in each bag."""

LARGEST_CHANCE = 10**9


def schedule(seed: int, count: int, hosts: int, names: Collection[str] = ()) -> tuple[Fault, ...]:
    """:param names: if any, only kinds of these names come, and no pairs."""
    random = Random(seed)
    full = [kind for kind in KINDS if kind.name in names] if names else [*KINDS, *[None] * PAIRS]
    found: list[Fault] = []
    bag: list[Kind | None] = []
    while len(found) < count:
        if not bag:
            bag = [*full]
            random.shuffle(bag)
        kind = bag.pop()
        found.append(_pair(random, hosts) if kind is None else _single(random, kind, hosts))
    return tuple(found)


def _single(random: Random, kind: Kind, hosts: int) -> Fault:
    most = {Scope.HOST: hosts, Scope.MEMBER: MEMBERS}.get(kind.scope, 0)
    return Fault(
        kind=kind,
        host=random.randint(1, most) if most else 0,
        hold=random.uniform(*kind.hold),
        chance=random.randrange(LARGEST_CHANCE),
    )


def _pair(random: Random, hosts: int) -> Fault:
    """One that is done to a host, and beside it one that is done to another, or wished."""
    first = [kind for kind in KINDS if kind.scope in (Scope.HOST, Scope.MEMBER)]
    second = [kind for kind in KINDS if kind.scope is not Scope.ALL]
    while True:
        one, other = (_single(random, random.choice(kinds), hosts) for kinds in (first, second))
        if one.host != other.host and not (takes_member(one) and takes_member(other)):
            return evolve(one, hold=max(one.hold, other.hold), beside=other)


def takes_member(fault: Fault) -> bool:
    """Whether a member of etcd is away as long as this fault, without what is beside it, lasts."""
    return fault.kind.takes_member and fault.host <= MEMBERS
