"""
The law ``stops``: a container that runs is stopped for a cause, and for nothing else.

A run was stopped if the Engine was asked to end it (``kill``), or if it died of TERM or KILL; a container that exits by
itself was stopped by nobody. Actions of the suite are left out: a container it kills, all of a host whose power it
cuts, all that ran when it killed an Engine. Being cut off, frozen or without an agent excuses nothing: *freeze on
doubt* is part of the law. Every other stop has one of these causes, and so no container is restarted without need:

- its service was deleted, or scaled below its number;
- its definition changed: the current one makes a container of something else, see Note [Which definition a digest
  is of];
- its claim was another node's, and that one said healthy, at some revision since this node last held it;
- its node was being drained;
- another container of the same instance ran on the same host;
- it was made of a definition of which the suite knows that nothing works, so that it may be replaced;
- its claim said ``Due``: its health check goes on failing, and so it is started anew; where another node prepares to
  take the instance over, that node's copy is;
- with ``OnPartition: stop`` also: another node had the claim, healthy or not, since this node last held it; its own
  claim said ``Leaving``, for such an instance moves stop-first; or something speaks for its node being out of touch:
  a harm, etcd away, or an end of the node's record or claim about that time.

Note [Old causes]
    A cause must have stood when somebody could act on it: not only after the stop, and not only until TTL + 2 s before
    it was asked for. That was a second before the Engine reported it at most; with an Engine that was frozen, a second
    before it was. So a wish that came and went may be carried out for some seconds. Another holder is a cause however
    long ago it was, until this node holds the claim again, if that was before the stop was asked for. And it is one
    only in the etcd in whose time the container was started: one that took its place proves nothing. Of wishes only
    a recorded deletion or definition counts; that etcd has none proves nothing either.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from tests.chaos.evidence import Seen, Setting, Span, Violation
from tests.chaos.evidence_etcd import Change, Timelines
from tests.chaos.evidence_harms import KILLING, RETURN, Harms, Trait
from tests.chaos.evidence_runs import Run
from tests.chaos.evidence_wishes import DELETED, Digests, Wishes

CLOCKS = 0.1
"""Seconds by which an Engine's clock and the suite's may seem to differ."""

IN_HAND = 1.0
"""Seconds from the decision to stop a container until its Engine reports the signal."""


@frozen
class Stop:
    """A run that was stopped: it was asked for between ``asked`` and ``at``, by what was known since ``since``."""

    run: Run
    at: float
    asked: float
    since: float


@frozen
class Stops:
    """The law, and what it needs to know."""

    setting: Setting
    harms: Harms
    away: Sequence[Span]
    timelines: Timelines
    wishes: Wishes
    runs: Sequence[Run]
    digests: Digests

    def __call__(self) -> Iterator[Violation]:
        for stop, shown in self.all():
            if not any(cause(self, stop) for cause in CAUSES):
                yield self._violation(stop, shown)

    def all(self) -> Iterator[tuple[Stop, Seen]]:
        """Each run that was stopped by somebody else than the suite, and the line that shows it."""
        for run in self.runs:
            shown = run.stop
            if shown is not None and not self._by_the_suite(run, shown.at):
                yield self._stop(run, shown), shown

    def _by_the_suite(self, run: Run, at: float) -> bool:
        kills = (h for h in self.harms.to(run.host, Trait.KILLS) if h.container and run.id.startswith(h.container))
        ends = self.harms.to(run.host, Trait.ENDS_CONTAINERS)
        return any(h.begin - CLOCKS <= at <= h.begin + KILLING for h in kills) or any(
            h.begin - CLOCKS <= at and run.start <= h.healed for h in ends
        )

    def _stop(self, run: Run, shown: Seen) -> Stop:
        """Since when it may have been asked for: an Engine that is frozen does it when it is not any more."""
        stalled = [
            harm.begin
            for harm in self.harms.to(run.host, Trait.STALLS_ENGINE)
            if harm.begin <= shown.at <= harm.healed + RETURN
        ]
        asked = min([shown.at, *stalled]) - IN_HAND
        return Stop(run, shown.at, asked, asked - self.setting.silence)

    # The causes.

    def not_wanted(self, stop: Stop) -> bool:
        place = stop.run.place
        standing = self.wishes.definitions(place, stop.since, stop.at)
        return any(each is DELETED or int(each.get("Instances", 1)) < place.number for each in standing)

    def redefined(self, stop: Stop) -> bool:
        standing = self.wishes.definitions(stop.run.place, stop.since, stop.at)
        return any(each is not DELETED and self.digests.may_differ(stop.run, each) for each in standing)

    def held_elsewhere(self, stop: Stop) -> bool:
        return any(change.healthy for change in self._others(stop))

    def drained(self, stop: Stop) -> bool:
        return self.wishes.is_draining(stop.run.host, stop.since, stop.at)

    def one_too_many(self, stop: Stop) -> bool:
        run = stop.run
        same = (other for other in self.runs if (other.host, other.place) == (run.host, run.place))
        return any(other is not run and other.start <= stop.at <= other.sure for other in same)

    def cannot_work(self, stop: Stop) -> bool:
        return self.digests.cannot_work(stop.run)

    def unhealthy(self, stop: Stop) -> bool:
        claim = stop.run.place.claim
        nexts = self.timelines.possible(f"{claim}/next", stop.since, stop.at)
        may = {change.node for change in nexts}
        due = [change for change in self.timelines.possible(claim, stop.since, stop.at) if change.due]
        return any(stop.run.host == change.node or stop.run.host in may for change in due)

    def must_not_run_twice(self, stop: Stop) -> bool:
        """The further causes for what must not run beside another."""
        if not self.wishes.must_stop(stop.run.place, stop.run.start):
            return False
        own = self.timelines.possible(stop.run.place.claim, stop.since, stop.at)
        leaves = any(change.leaving and change.node == stop.run.host for change in own)
        return leaves or any(self._others(stop)) or self._out_of_touch(stop)

    def _out_of_touch(self, stop: Stop) -> bool:
        """Whether anything speaks for it. The deadline is before the end of the lease, which may not even come."""
        host, since, until = stop.run.host, stop.since - self.setting.ttl, stop.at + self.setting.silence
        traits = Trait.SILENCES | Trait.SHAKES | Trait.MEMBER
        harmed = any(Span(h.begin, h.over).meets(since, stop.at) for h in self.harms.to(host, traits))
        away = any(span.meets(since, stop.at) for span in self.away)
        keys = (f"nodes/{host}", stop.run.place.claim)
        ended = any(
            change.deleted and change.earliest <= until and change.at >= since
            for key in keys
            for change in self.timelines[key]
        )
        return harmed or away or ended

    def _others(self, stop: Stop) -> Iterator[Change]:
        """The changes that other nodes made to the claim before the stop and since this node last held it."""
        host, epoch = stop.run.host, self._epoch(stop.run.start)
        own = [change for change in self.timelines[stop.run.place.claim] if change.epoch == epoch]
        held = [number for number, c in enumerate(own) if c.node == host and c.at <= stop.asked]
        for change in own[held[-1] + 1 if held else 0 :]:
            if change.node not in ("", host) and change.earliest <= stop.at:
                yield change

    def _epoch(self, at: float) -> int:
        """Of the etcd that there was at a moment."""
        begins = self.timelines.epochs
        return begins[max(0, bisect_right(begins, at, key=lambda begin: begin[0]) - 1)][1] if begins else 0

    def _violation(self, stop: Stop, shown: Seen) -> Violation:
        run = stop.run
        how = "stopped" if shown.data["action"] == "kill" else "ended from outside"
        latest = self.timelines.possible(run.place.claim, stop.at, stop.at)[-1:]
        holder = "".join(f"; its claim was {c.node or 'nobody'}'s" for c in latest)
        again = next((r for r in self.runs if (r.host, r.place) == (run.host, run.place) and r.start > stop.at), None)
        more = f", and started again {again.start - stop.at:.1f} s later" if again else ""
        text = f"{run.place} ({run.id[:12]}) was {how} on {run.host} without a cause{more}{holder}"
        numbers = [shown.number, run.opening.number, *(c.number for c in latest)]
        return Violation(stop.at, "stops", text, (*numbers, *([again.opening.number] if again else [])))


CAUSES: tuple[Callable[[Stops, Stop], bool], ...] = (
    Stops.not_wanted,
    Stops.redefined,
    Stops.held_elsewhere,
    Stops.drained,
    Stops.one_too_many,
    Stops.cannot_work,
    Stops.unhealthy,
    Stops.must_not_run_twice,
)
