"""
The actions of the suite, as spans of time: which host could not be reached when, which Engine was harmed, when etcd as
a whole may have been away.

A harm lasts until the suite says that it heals the host; a host counts as itself again only when all has settled.
``MEANINGS`` gives the meaning of each of the suite's phrases for the laws; a phrase that is not there is reported as a
violation, because an unknown harm would excuse nothing, or too much.

Note [When etcd may be away]
    As a whole it is away while two of its three members are. It also is for some seconds after one of them was harmed,
    or returned, for that one may have been the leader, or makes the others elect one; a new leader counts every lease
    from its beginning again. While a member's line delays and loses, this may happen at any time.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from tests.chaos.evidence import Seen, Span, Violation

ELECTION = 1.5
"""Seconds until etcd has a leader again; its members here elect one after 0.3 s."""

RETURN = 5.0
"""Seconds from the line that a member, or an Engine, is started until it is itself again."""

KILLING = 15.0
"""Seconds within which a container that the suite kills is dead."""


class Trait(enum.Flag):
    """The consequences of a harm."""

    NOTHING = 0
    KILLS = enum.auto()
    """One container ends."""
    ENDS_CONTAINERS = enum.auto()
    """All containers of the host end, at once or when its Engine returns."""
    STALLS_ENGINE = enum.auto()
    """The Engine reports late, and does late what it was asked."""
    SILENCES = enum.auto()
    """The host cannot renew its lease."""
    SHAKES = enum.auto()
    """Whether the host is in touch is not certain."""
    MEMBER = enum.auto()
    """The member of etcd on the host, if there is one, is away."""


MEANINGS = {
    "container killed": Trait.KILLS,
    "agent killed": Trait.SILENCES,
    "agent frozen": Trait.SILENCES,
    "agent stopped": Trait.SILENCES,
    "nginx killed": Trait.NOTHING,
    "guard killed": Trait.NOTHING,
    "engine killed": Trait.STALLS_ENGINE | Trait.ENDS_CONTAINERS,
    "engine frozen": Trait.STALLS_ENGINE,
    "cut off": Trait.SILENCES | Trait.MEMBER,
    "cut off from etcd": Trait.SILENCES,
    "cut off from hosts": Trait.SHAKES,
    "bad line": Trait.SHAKES | Trait.MEMBER,
    "power cut": Trait.ENDS_CONTAINERS | Trait.STALLS_ENGINE | Trait.SILENCES | Trait.MEMBER,
    "etcd killed": Trait.MEMBER,
    "etcd frozen": Trait.MEMBER,
}
"""The consequences of a harm, by the suite's own phrases."""

HEALED = "healed"


@frozen
class Harm:
    """``healed`` is when the suite began to undo it, ``over`` when all had settled; infinite if that never was."""

    number: int
    host: str
    text: str
    container: str
    traits: Trait
    begin: float
    healed: float
    over: float


@frozen
class Harms:
    """All that was done in a run."""

    all: tuple[Harm, ...]
    members: tuple[str, ...]

    def to(self, host: str, traits: Trait) -> Iterator[Harm]:
        """The harms of a host that have any of these traits."""
        return (harm for harm in self.all if harm.host == host and harm.traits & traits)

    def silence(self, host: str, since: float, until: float) -> list[Harm]:
        """The harms that kept a host from renewing its lease through a whole span of time; [] if none did."""
        silenced = self.to(host, Trait.SILENCES)
        return [harm for harm in silenced if harm.begin <= since and until < harm.healed]

    def away(self) -> list[Span]:
        """Note [When etcd may be away]."""
        members = [h for h in self.all if h.host in self.members and h.traits & Trait.MEMBER]
        spans = []
        for harm in members:
            lasting = harm.healed + RETURN if harm.traits & Trait.SHAKES else harm.begin + ELECTION
            spans += [Span(harm.begin, lasting), Span(harm.healed, harm.healed + RETURN)]
        for one, other in itertools.combinations(members, 2):
            both = Span(max(one.begin, other.begin), min(one.healed, other.healed) + RETURN)
            if one.host != other.host and both.begin <= both.end - RETURN:
                spans.append(both)
        return spans


def harms(seen: Sequence[Seen], members: tuple[str, ...]) -> Harms:
    return Harms(tuple(_harms(seen)), members)


def _harms(seen: Sequence[Seen]) -> Iterator[Harm]:
    told = [one for one in seen if one.what == "harm"]
    settled = [one.at for one in seen if one.what == "fault" and one.data["phase"] in ("settled", "unsettled")]
    for one in told:
        traits = MEANINGS.get(_text(one))
        if traits is None:
            continue
        over = min((at for at in settled if at >= one.at), default=math.inf)
        healing = [o.at for o in told if _text(o) == HEALED and o.data["host"] == one.data["host"] and o.at >= one.at]
        container = str(one.data.get("id") or "")
        healed = one.at if traits & Trait.KILLS else min([*healing, over])
        yield Harm(one.number, one.data["host"], _text(one), container, traits, one.at, healed, over)


def unknown_harms(seen: Iterable[Seen]) -> Iterator[Violation]:
    """The law ``history``: the checker knows what each harm means."""
    for one in seen:
        if one.what == "harm" and _text(one) not in (HEALED, *MEANINGS):
            yield Violation(one.at, "history", f"the checker does not know what {_text(one)!r} does", (one.number,))


def _text(harm: Seen) -> str:
    return str(harm.data.get("harm", harm.data.get("what", "")))
