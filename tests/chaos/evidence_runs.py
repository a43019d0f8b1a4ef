"""
The lives of containers: from each start to the end that follows, on whichever host.

Note [When a container ran]
    The Engine reports a start when it has happened and a death when it has noticed it, so a run lasted at least
    from the one event until ``NOTICED`` before the other. An Engine that was frozen notices late, and one that was
    killed, or had its power cut, never reports what it had seen: such a run is only sure to have lasted until the harm.
    A container that a list does not show has ended, and one that it shows runs, though nobody saw it start.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from tests.chaos.evidence import Place, Seen
from tests.chaos.evidence_harms import RETURN, Harms, Trait

NOTICED = 0.25
"""Seconds after a death within which an Engine that is itself reports it, on a busy machine too."""

LIST_TAKES = 0.5
"""Seconds before a list in which a start, and after it a death, need not be in it as the events said."""

SIGNALLED = (137, 143)
"""The exit codes of a container that KILL or TERM has ended."""


@frozen
class Run:
    """
    One life of a container. It certainly ran from ``start`` until ``sure``; ``order`` is the first event ``kill``, by
    which an Engine was asked to end it, ``death`` the event ``die``, or ``destroy`` if there was no ``die``.
    """

    host: str
    id: str
    place: Place
    definition: str
    start: float
    sure: float
    opening: Seen
    order: Seen | None = None
    death: Seen | None = None

    def meets(self, other: Run) -> bool:
        """Whether both certainly ran at one moment."""
        return self.start < other.sure and other.start < self.sure

    @property
    def stop(self) -> Seen | None:
        """The event that shows that somebody ended it from outside; None if there is none: it exited, or runs on."""
        if self.order is not None or self.death is None or self.death.data["action"] == "destroy":
            return self.order or self.death
        return self.death if self.death.data.get("exit_code") in SIGNALLED else None


@define
class _Life:
    """A run while it is being read."""

    named: Mapping[str, Any]
    opening: Seen
    order: Seen | None = None
    death: Seen | None = None
    seen_last: float = 0.0
    over: float = math.inf

    @property
    def open(self) -> bool:
        return self.over == math.inf


@define
class _Host:
    """The lives on one host, from its lines in the order of their time."""

    lives: dict[str, list[_Life]] = field(factory=lambda: defaultdict(list))

    def take(self, one: Seen) -> None:
        if one.data["action"] == "listed":
            self._listed(one)
        else:
            self._event(one, str(one.data["id"]))

    def _event(self, one: Seen, id: str) -> None:
        life = self.lives[id][-1] if self.lives[id] else None
        action = one.data["action"]
        if action == "start":
            if life is not None and life.open:
                life.over = one.at
            self.lives[id].append(_Life(one.data, one, seen_last=one.at))
        elif life is not None and action == "kill" and life.open:
            life.order, life.seen_last = life.order or one, one.at
        elif life is not None and action in ("die", "destroy") and life.death is None:
            late = action == "die" and one.at <= life.over + LIST_TAKES
            if life.open or late:
                life.death, life.over = one, one.at

    def _listed(self, one: Seen) -> None:
        running = {str(each["id"]): each for each in one.data.get("running") or ()}
        for id, each in running.items():
            life = self.lives[id][-1] if self.lives[id] else None
            if life is None or (not life.open and life.over < one.at - LIST_TAKES):
                self.lives[id].append(_Life(each, one, seen_last=one.at))
            elif life.open:
                life.seen_last = one.at
        for id, lives in self.lives.items():
            if id not in running and lives and lives[-1].open and lives[-1].seen_last < one.at - LIST_TAKES:
                lives[-1].over = one.at


def runs(seen: Iterable[Seen], harms: Harms) -> tuple[Run, ...]:
    """All runs, in the order of their starts. Note [When a container ran]."""
    by_host: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if one.what == "container":
            by_host[one.data["host"]].append(one)
    found = [run for host, lines in by_host.items() for run in _on(host, lines, harms)]
    return tuple(sorted(found, key=lambda run: (run.start, run.host, run.id)))


def _on(host: str, lines: Sequence[Seen], harms: Harms) -> Iterator[Run]:
    told = _Host()
    for one in sorted(lines, key=lambda one: (one.at, one.number)):
        told.take(one)
    for id, lives in told.lives.items():
        for life in lives:
            try:
                place = Place.read(str(life.named["instance"]))
            except ValueError:
                continue
            yield Run(
                host=host,
                id=id,
                place=place,
                definition=str(life.named.get("definition", "")),
                start=life.opening.at,
                sure=_sure(host, life, harms),
                opening=life.opening,
                order=life.order,
                death=life.death,
            )


def _sure(host: str, life: _Life, harms: Harms) -> float:
    """Until when it certainly ran."""
    began = life.opening.at
    troubles = [
        harm.begin
        for harm in harms.to(host, Trait.STALLS_ENGINE)
        if began < harm.begin <= life.over
        and (harm.traits & Trait.ENDS_CONTAINERS or life.over <= harm.healed + RETURN)
    ]
    if life.death is not None:
        known = life.over - NOTICED
    elif troubles or life.open:
        known = math.inf
    else:
        known = life.seen_last
    return max(began, min([known, *troubles]))
