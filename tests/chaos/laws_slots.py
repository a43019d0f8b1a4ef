"""
The law ``rollouts`` about slots: never more of them than ``Update.Parallelism``, by etcd's order, and none kept by the
dead.

A slot is a key ``rollouts/<group>/<service>/slots/<number>`` under its holder's lease. In the order of etcd:

- there never are more slots of a service than its definition allows, nor one with a larger number: by the definition
  that stands, or one that an agent may still have taken for that one;
- while a slot lives it keeps node, lease, instance and create revision, and no instance has two.

A slot of a node that could not renew its lease ends within TTL + 2 s, counted from when etcd was there again if it may
have been away meanwhile: leases begin anew then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field

from tests.chaos.evidence import Place, Setting, Span, Violation
from tests.chaos.evidence_etcd import Change
from tests.chaos.evidence_harms import Harms, Trait
from tests.chaos.evidence_wishes import DELETED, Definition, Wishes

_SLOT = re.compile(r"rollouts/(?P<group>[^/]+)/(?P<service>[^/]+)/slots/(?P<number>[0-9]+)")


@define
class _Slots:
    """All slots that live at one revision."""

    wishes: Wishes
    stale: float
    alive: dict[str, Change] = field(factory=dict)

    def take(self, change: Change, service: str, number: int) -> Iterator[Violation]:
        if change.deleted:
            self.alive.pop(change.key, None)
            return
        before = self.alive.get(change.key)
        if before is not None and _holder(before) != _holder(change):
            yield _violation("passed on while it lived", change, before)
        own = service_of(change)
        others = [c for c in self.alive.values() if c.key != change.key and service_of(c) == own]
        self.alive[change.key] = change
        if twice := [other for other in others if other.tells("Instance") == change.tells("Instance")]:
            yield _violation(f"is the second one of {change.tells('Instance')}", change, *twice)
        most = self._most(Place(service, 1), change)
        if max(number, 1 + len(others)) > most:
            yield _violation(f"is one too many: {1 + len(others)} of {most} are held", change, *others)

    def _most(self, place: Place, change: Change) -> int:
        standing = self.wishes.definitions(place, change.earliest - self.stale, change.at)
        return max((parallelism(each) for each in standing if each is not DELETED), default=1)


def parallelism(definition: Definition) -> int:
    return int((definition.get("Update") or {}).get("Parallelism", 1))


def service_of(change: Change) -> str:
    """The service whose slot a key is; "" if it is none."""
    found = _SLOT.fullmatch(change.key)
    return f"{found['service']}.{found['group']}" if found else ""


def slots(changes: Iterable[Change], wishes: Wishes, stale: float) -> Iterator[Violation]:
    """
    :param changes: all, in etcd's order. :param stale: seconds by which an agent may know a wish later than etcd.
    """
    state, epoch = _Slots(wishes, stale), None
    for change in changes:
        if change.epoch != epoch:
            state, epoch = _Slots(wishes, stale), change.epoch
        if found := _SLOT.fullmatch(change.key):
            yield from state.take(change, service_of(change), int(found["number"]))


def kept_by_the_dead(
    changes: Sequence[Change], harms: Harms, away: Sequence[Span], setting: Setting
) -> Iterator[Violation]:
    """:param changes: all, in etcd's order. :param away: when etcd as a whole may have been away."""
    for first, end in lives(changes):
        for harm in harms.to(first.node, Trait.SILENCES):
            since = max(harm.begin, first.at)
            until = min(harm.healed, changes[-1].at if end is None else end.earliest)
            counted = max([since, *(span.end for span in away if span.meets(since, until))])
            if until - counted > setting.silence:
                told = f"was kept by {harm.host} for {until - since:.1f} s: {harm.text}"
                yield _violation(told, first, *([end] if end else []))


def lives(changes: Iterable[Change]) -> Iterator[tuple[Change, Change | None]]:
    """Each slot's first change, and its end; None if it was not seen to end."""
    alive: dict[str, Change] = {}
    for change in changes:
        if not service_of(change):
            continue
        if change.deleted:
            if first := alive.pop(change.key, None):
                yield first, change
        elif change.version == 1:
            alive[change.key] = change
    yield from ((first, None) for first in alive.values())


def _holder(change: Change) -> tuple[object, ...]:
    return change.node, change.lease, change.tells("Instance"), change.create_revision


def _violation(text: str, change: Change, *more: Change) -> Violation:
    numbers = (change.number, *(other.number for other in more))
    told = f"revision {change.revision}: {change.key} of {change.tells('Instance')} {text}"
    return Violation(change.at, "rollouts", told, numbers)
