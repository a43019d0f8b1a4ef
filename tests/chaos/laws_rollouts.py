"""
The law ``rollouts`` about instances: a rollout takes none of them out of service, and ends with what was stored last.

- A container that served, because its claim said that it is healthy, and that is stopped for no other cause than a
  changed definition, is stopped only after its claim has said the same of another container: so a definition of which
  nothing works replaces nothing. Where two copies may not run side by side its node holds a slot for the instance
  instead, and so never more are out of service than there may be slots.
- No claim says that a container is healthy which is made of a definition of which nothing works.
- When all is well after a fault every claim leads to a container made of the definition that etcd has, from a person
  or from a revert: so all of a service do, and none is made of one that came in between, or that was taken back.

A second copy on the same host is no cause here, as it is for the law ``stops``: every rollout has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from tests.chaos.evidence import SPREAD, Place, Seen, Violation
from tests.chaos.evidence_etcd import Change
from tests.chaos.evidence_runs import Run
from tests.chaos.evidence_wishes import DELETED, Definition, Digests
from tests.chaos.laws_stops import Stop, Stops

CAUSES = (Stops.not_wanted, Stops.held_elsewhere, Stops.drained, Stops.unhealthy, Stops.must_not_run_twice)
"""Those of the law ``stops`` that no rollout can be."""


@frozen
class Rollouts:
    """The law, and what it needs to know."""

    stops: Stops
    digests: Digests
    seen: Sequence[Seen]

    def __call__(self) -> Iterator[Violation]:
        for stop, shown in self.stops.all():
            if self.stops.redefined(stop) and not any(cause(self.stops, stop) for cause in CAUSES):
                yield from self._replaced(stop, shown)
        yield from self._bad()
        for one in self.seen:
            if (one.what == "fault" and one.data["phase"] == "settled") or one.what == "end":
                yield from self._ended(one)

    def _replaced(self, stop: Stop, shown: Seen) -> Iterator[Violation]:
        run = stop.run
        served = [change for change in self._claims(run) if _serves(change, run.id) and change.earliest <= stop.at]
        if not served:
            return
        if self._stops_first(stop):
            if not self._has_slot(stop):
                yield _violation(stop, "without a slot", shown, served[-1])
        elif not self._has_successor(stop, served[-1]):
            yield _violation(stop, "before its claim led to another one", shown, served[-1])

    def _claims(self, run: Run) -> Sequence[Change]:
        return self.stops.timelines[run.place.claim]

    def _stops_first(self, stop: Stop) -> bool:
        """Whether two copies must not, or need not, run side by side by any definition that may have stood."""
        standing = self.stops.wishes.definitions(stop.run.place, stop.since, stop.at)
        return any(stops_first(each) for each in standing if each is not DELETED)

    def _has_slot(self, stop: Stop) -> bool:
        place, timelines = stop.run.place, self.stops.timelines
        keys = [key for key in timelines if key.startswith(place.slots)]
        held = (change for key in keys for change in timelines.possible(key, stop.since, stop.at))
        return any(change.node == stop.run.host and change.tells("Instance") == str(place) for change in held)

    def _has_successor(self, stop: Stop, served: Change) -> bool:
        """Whether the claim led to another one after it had led to this one last, and before the stop."""
        later = (change for change in self._claims(stop.run) if change.order > served.order)
        return any(
            change.healthy and change.earliest <= stop.at and change.tells("ContainerId") not in ("", stop.run.id)
            for change in later
        )

    def _bad(self) -> Iterator[Violation]:
        """Claims that say of what cannot work that it does."""
        for run in self.stops.runs:
            served = [change for change in self._claims(run) if _serves(change, run.id)]
            if served and self.digests.cannot_work(run):
                text = f"{run.place} ({run.id[:12]}) is made of what cannot work, and its claim says healthy"
                yield Violation(served[0].at, "rollouts", text, (served[0].number, run.opening.number))

    def _ended(self, one: Seen) -> Iterator[Violation]:
        """A service whose claims do not lead to what is stored, or may not be known to have been stored, then."""
        timelines = self.stops.timelines
        for key in timelines:
            group, service, number = _claim_of(key)
            if not number:
                continue
            place = Place(f"{service}.{group}", int(number))
            standing = self.stops.wishes.definitions(place, one.at, one.at)
            claims = timelines.possible(key, one.at, one.at + SPREAD)
            if claims and not any(self._leads_to(place, change, standing) for change in claims):
                text = f"{place} is made of another definition than the stored one when all was said to be well"
                yield Violation(one.at, "rollouts", text, (one.number, *(change.number for change in claims)))

    def _leads_to(self, place: Place, change: Change, standing: Sequence[Definition]) -> bool:
        digest = str(change.tells("Definition") or "")
        if change.deleted or not digest:
            return True
        return any(each is DELETED or self.digests.may_be(place.service, digest, each) for each in standing)


def stops_first(definition: Definition) -> bool:
    """Of the reasons for it these are all that the services of a run have."""
    return definition.get("OnPartition") == "stop" or (definition.get("Update") or {}).get("Order") == "stop-first"


def _serves(change: Change, container: str) -> bool:
    return change.healthy and change.tells("ContainerId") == container


def _claim_of(key: str) -> tuple[str, str, str]:
    """Group, service and number of a claim's key; all "" for another key."""
    match key.split("/"):
        case ["instances", group, service, number]:
            return group, service, number
    return "", "", ""


def _violation(stop: Stop, how: str, shown: Seen, served: Change) -> Violation:
    run = stop.run
    text = f"{run.place} ({run.id[:12]}) was replaced on {run.host} {how}"
    return Violation(stop.at, "rollouts", text, (shown.number, run.opening.number, served.number))
