"""
The changes of etcd, in its own order, with the bounds in time between which each change was made.

Note [When a change was made]
    A line about etcd is as late as its recorder. So a change was certainly made before the moment of its line. It was
    certainly not made before the change that precedes it in etcd's order, and a claim does not report a healthy
    container before that was started, which the Engine dates exactly. Otherwise the recorder is trusted to be no later
    than ``LATENESS``, and ``LATENESS_AWAY`` while etcd as a whole may be away; and a person's wish may have been
    granted at any moment since the command was started.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from tests.chaos.evidence import Seen, Span, Violation

LATENESS = 2.0
LATENESS_AWAY = 8.0


@frozen
class Change:
    """A put or a delete. ``earliest`` and ``at`` bound the moment when it was made."""

    number: int
    at: float
    earliest: float
    epoch: int
    revision: int
    key: str
    deleted: bool
    create_revision: int = 0
    version: int = 0
    lease: str = "0"
    value: Any = None

    @property
    def order(self) -> tuple[int, int]:
        return self.epoch, self.revision

    def tells(self, member: str) -> Any:
        """A member of the record that was put; None if there is none."""
        return self.value.get(member) if isinstance(self.value, Mapping) else None

    @property
    def node(self) -> str:
        """The node that a claim or succession names; "" for a deletion."""
        return str(self.tells("Node") or "")

    @property
    def healthy(self) -> bool:
        return self.tells("Healthy") is True

    @property
    def leaving(self) -> bool:
        return self.tells("Leaving") is True

    @property
    def due(self) -> bool:
        """Whether a claim says that its container is unhealthy and is going to be replaced."""
        return self.tells("Due") is True


def changes(seen: Sequence[Seen], away: Sequence[Span]) -> tuple[Change, ...]:
    """All changes in etcd's order, each once; those of one revision together."""
    told: dict[tuple[int, int, str], Change] = {}
    for one in seen:
        if one.what == "etcd":
            change = _read(one, away)
            told.setdefault((*change.order, change.key), change)
    started = _first_starts(seen)
    commands = [one for one in seen if one.what == "wish" and not one.data.get("done")]
    found: list[Change] = []
    for change in sorted(told.values(), key=lambda one: (one.order, one.number)):
        before = found[-1].earliest if found else 0.0
        after_start = started.get(str(change.tells("ContainerId")), 0.0) if change.healthy else 0.0
        earliest = min(change.at, max(before, change.earliest, after_start))
        found.append(evolve(change, earliest=_command(change, commands, earliest)))
    return tuple(found)


def _read(one: Seen, away: Sequence[Span]) -> Change:
    data = one.data
    late = any(span.meets(one.at - LATENESS_AWAY, one.at) for span in away)
    return Change(
        number=one.number,
        at=one.at,
        earliest=one.at - (LATENESS_AWAY if late else LATENESS),
        epoch=int(data["epoch"]),
        revision=int(data["revision"]),
        key=str(data["key"]),
        deleted=data["type"] == "delete",
        create_revision=int(data.get("create_revision") or 0),
        version=int(data.get("version") or 0),
        lease=str(data.get("lease") or 0),
        value=data.get("value"),
    )


def _first_starts(seen: Iterable[Seen]) -> dict[str, float]:
    starts: dict[str, float] = {}
    for one in seen:
        if one.what == "container" and one.data["action"] == "start":
            starts[one.data["id"]] = min(one.at, starts.get(one.data["id"], one.at))
    return starts


def _command(change: Change, commands: Iterable[Seen], earliest: float) -> float:
    """``earliest``, or before that: when the command was started that asked for this change."""
    asked = [one.at for one in commands if one.at <= change.at and _key(one) == change.key]
    return min(earliest, max(asked, default=earliest))


def _key(wish: Seen) -> str:
    if wish.data.get("service"):
        service, _, group = str(wish.data["service"]).partition(".")
        return f"services/{group}/{service}"
    return f"cordons/{wish.data.get('node', '')}"


@frozen
class Timelines:
    """The changes of each key, in etcd's order. ``epochs`` are the moments from which on each was seen."""

    _by_key: Mapping[str, Sequence[Change]] = field(repr=False)
    epochs: Sequence[tuple[float, int]] = ()

    @classmethod
    def of(cls, all_changes: Iterable[Change]) -> Timelines:
        by_key: dict[str, list[Change]] = defaultdict(list)
        epochs: dict[int, float] = {}
        for change in all_changes:
            by_key[change.key].append(change)
            epochs.setdefault(change.epoch, change.at)
        return cls(by_key, sorted((at, epoch) for epoch, at in epochs.items()))

    def __getitem__(self, key: str) -> Sequence[Change]:
        return self._by_key.get(key, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def possible(self, key: str, since: float, until: float) -> list[Change]:
        """The changes whose outcome may have stood at some moment between the two."""
        own = self[key]
        ends = [*(change.at for change in own[1:]), float("inf")]
        return [change for change, end in zip(own, ends, strict=False) if change.earliest <= until and end >= since]


def holes(timelines: Timelines) -> Iterator[Violation]:
    """The law ``history``: no write of a key is missing, for then nothing that was not seen can be ruled out."""
    for key in timelines:
        own = timelines[key]
        for before, after in itertools.pairwise(own):
            same = before.epoch == after.epoch and not after.deleted
            follows = 1 if before.deleted else before.version + 1
            if same and after.version != follows:
                text = f"writes of {key} are missing before revision {after.revision}"
                yield Violation(after.at, "history", text, (before.number, after.number))
