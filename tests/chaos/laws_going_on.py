"""
The law ``rollouts`` about a holder that is gone: the rollout goes on without it.

A slot whose holder could not renew its lease ends. If an instance of its service still has a container of another
definition by then, on a node that was not harmed, and no other slot is held, then somebody takes a slot, or the need
ends, within TTL + 2 s: counted from the harm, or from when the slot was taken or etcd was there again, if that is
later. A definition that is stored meanwhile, and a rollout that is stopped, end the need as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from tests.chaos.evidence import Setting, Span, Violation
from tests.chaos.evidence_etcd import Change
from tests.chaos.evidence_harms import Harm, Harms, Trait
from tests.chaos.laws_slots import lives, service_of


@frozen
class Gap:
    """The time from the harm of a slot's holder until the rollout went on; ``then`` is None if that was not seen."""

    first: Change
    harm: Harm
    then: Change | None
    seconds: float


def going_on(changes: Sequence[Change], harms: Harms, away: Sequence[Span], setting: Setting) -> Iterator[Violation]:
    """:param changes: all, in etcd's order. :param away: when etcd as a whole may have been away."""
    for gap in gaps(changes, harms, away):
        if gap.seconds > setting.silence:
            how = "did not go on" if gap.then is None else "went on only then"
            text = f"{service_of(gap.first)}: {gap.seconds:.1f} s after {gap.harm.host} ({gap.harm.text}) it {how}"
            numbers = (gap.first.number, gap.harm.number, *([gap.then.number] if gap.then else []))
            yield Violation(gap.harm.begin, "rollouts", text, numbers)


def gaps(changes: Sequence[Change], harms: Harms, away: Sequence[Span]) -> Iterator[Gap]:
    """Each slot that ended with its holder's lease while instances still needed one."""
    for first, end in lives(changes):
        for harm in harms.to(first.node, Trait.SILENCES):
            if end is None or not (harm.begin <= end.at and end.earliest < harm.healed):
                continue
            after = _Need.at(changes, first, end, harms)
            if not after.is_there:
                continue
            then = next((change for change in changes if change.order > end.order and not after.take(change)), None)
            until = changes[-1].at if then is None else then.earliest
            since = max(harm.begin, first.at)
            counted = max([since, *(span.end for span in away if span.meets(since, until))])
            yield Gap(first, harm, then, until - counted)


class _Need:
    """Which instances of a service need a slot, and who holds one, as etcd has it after each change."""

    def __init__(self, service: str, harms: Harms) -> None:
        name, _, group = service.partition(".")
        self._claims, self._rollout = f"instances/{group}/{name}/", f"rollouts/{group}/{name}"
        self._definition, self._harms = f"services/{group}/{name}", harms
        self._owners: dict[str, Change] = {}
        self._slots: dict[str, Change] = {}
        self._target = ""
        self._ended = False

    @classmethod
    def at(cls, changes: Sequence[Change], first: Change, end: Change, harms: Harms) -> _Need:
        found = cls(service_of(first), harms)
        for change in changes:
            if change.epoch == end.epoch and change.order <= end.order:
                found.take(change)
        found._ended = False
        return found

    @property
    def is_there(self) -> bool:
        """Whether an instance needs a slot and nobody has one."""
        outdated = (one for one in self._owners.values() if one.tells("Definition") not in (None, "", self._target))
        away = Trait.SILENCES | Trait.STALLS_ENGINE | Trait.SHAKES
        able = (one for one in outdated if not any(True for _ in self._harms.to(one.node, away)))
        return not self._slots and not self._ended and any(able)

    def take(self, change: Change) -> bool:
        """Take a change over; return whether the need is there after it."""
        if change.key.startswith(self._claims) and change.key.count("/") == self._claims.count("/"):
            _put(self._owners, change)
        elif change.key.startswith(f"{self._rollout}/slots/"):
            _put(self._slots, change)
            self._target = str(change.tells("Definition") or self._target)
        elif change.key in (self._definition, self._rollout) and not (change.key == self._rollout and change.deleted):
            self._ended = True
        return self.is_there


def _put(among: dict[str, Change], change: Change) -> None:
    among.pop(change.key, None)
    if not change.deleted:
        among[change.key] = change
