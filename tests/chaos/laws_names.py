"""
The law ``names``: no answer of DNS names a host that has been dead for more than TTL + 2 seconds.

A host is dead that could not renew its lease, by what the suite did to it: its power cut, cut off from etcd or from
all, its agent frozen, killed or stopped; from the harm on, and until the suite heals it. A host is also dead, whatever
was done to it, if its record was deleted 2 seconds ago by etcd's order, and it has not put another.

Asked are only hosts that are in touch themselves. A host that was harmed in such a way, or whose line was, is not,
until all has settled, and then for as long again as a host may be dead unnoticed. The same goes for all hosts when etcd
as a whole may have been away, see Note [When etcd may be away]: the leases then count from their beginning again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from tests.chaos.evidence import SPREAD, Seen, Setting, Span, Violation
from tests.chaos.evidence_etcd import Timelines
from tests.chaos.evidence_harms import Harms, Trait

SHOWN = 5
"""The number of wrong answers for the same reason whose lines are given."""

DEAF = Trait.SILENCES | Trait.SHAKES


@frozen
class Death:
    """Why a host counts as dead: since when, in words, and the line that shows it."""

    since: float
    told: str
    number: int


@frozen
class Names:
    """The law, and what it needs to know."""

    setting: Setting
    harms: Harms
    away: Sequence[Span]
    timelines: Timelines

    def __call__(self, seen: Sequence[Seen]) -> Iterator[Violation]:
        wrong: dict[tuple[str, str, Death], list[Seen]] = {}
        hosts = {address: host for host, address in self.setting.hosts.items()}
        for one in seen:
            if one.what == "dns" and one.data.get("addresses") and self._is_in_touch(one):
                for host, death in self._dead(one, hosts):
                    wrong.setdefault((one.data["host"], host, death), []).append(one)
        for (asked, host, death), answers in wrong.items():
            yield _violation(asked, host, death, answers)

    def _is_in_touch(self, one: Seen) -> bool:
        since, until = one.at - self.setting.silence, _answered(one)
        harmed = any(Span(h.begin, h.over).meets(since, until) for h in self.harms.to(one.data["host"], DEAF))
        return not harmed and not any(span.meets(since, until) for span in self.away)

    def _dead(self, one: Seen, hosts: Mapping[str, str]) -> Iterator[tuple[str, Death]]:
        """The dead hosts that an answer names. A host's own copies count for itself, with or without a lease."""
        for address in one.data["addresses"]:
            host = hosts.get(address)
            if host is None or host == one.data["host"]:
                continue
            death = self._by_harm(host, one) or self._by_record(host, one)
            if death is not None:
                yield host, death

    def _by_harm(self, host: str, one: Seen) -> Death | None:
        silenced = self.harms.silence(host, one.at - self.setting.silence, _answered(one))
        return Death(silenced[0].begin, silenced[0].text, silenced[0].number) if silenced else None

    def _by_record(self, host: str, one: Seen) -> Death | None:
        own = self.timelines[f"nodes/{host}"]
        ends = [*(change.earliest for change in own[1:]), float("inf")]
        for change, end in zip(own, ends, strict=False):
            if change.deleted and change.at + SPREAD < one.at and _answered(one) < end:
                return Death(change.at, "its record deleted", change.number)
        return None


def _answered(one: Seen) -> float:
    return one.at + float(one.data.get("seconds") or 0.0)


def _violation(asked: str, host: str, death: Death, answers: Sequence[Seen]) -> Violation:
    first = answers[0]
    more = f", and {len(answers) - 1} times more" if len(answers) > 1 else ""
    text = f"{asked} named {host} for {first.data['name']}, {first.at - death.since:.1f} s after {death.told}{more}"
    return Violation(first.at, "names", text, (first.number, death.number, *(a.number for a in answers[1:SHOWN])))
