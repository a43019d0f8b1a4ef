# -*- test-case-name: tests.unit.agent.reconcile.test_under_way -*-
"""How far the rollouts of services are, as this node sees it: since when they go on, and whether they ended well."""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, evolve, field

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Service
from daprdockr.planning.attempts import STEADY
from daprdockr.planning.keeping.rolling import is_outdated, is_whole, stands_still
from daprdockr.planning.situation import Here, Rollout

MOST_IDLE = 3 * STEADY
"""Seconds without an instance in transition after which a rollout is over, although not all instances are healthy."""


@define
class _Seen:
    """
    The rollout to the definition with this ``digest``, last stored with this ``revision``. ``looked`` is the time of
    the last look; etcd was ``away`` then, and the rollout ``stopped``, or not. ``moved`` is when an instance was last
    seen in transition. The others are as in ``Rollout``.
    """

    digest: str
    revision: int
    since: float
    looked: float
    unmarked: bool = field(default=True, init=False)
    unpinned: bool = field(default=False, init=False)
    away: bool = field(default=False, init=False)
    stopped: bool = field(default=False, init=False)
    goes_on: bool = field(default=False, init=False)
    moved: float = field(default=-math.inf, init=False)
    whole_since: float | None = field(default=None, init=False)
    held_since: dict[int, float] = field(factory=dict, init=False)


class UnderWay:
    """
    Its memory does not outlive the agent: a new one counts from its beginning.

    :param here: returns this node, as it is at the moment of the call.
    """

    def __init__(self, *, here: Callable[[], Here], cluster: ClusterView) -> None:
        self._here = here
        self._cluster = cluster
        self._services: dict[ServiceName, _Seen] = {}

    def observe(self, name: ServiceName, now: float) -> None:
        """Record how far a service is at ``now`` (monotonic seconds)."""
        service = self._cluster.services.get(name)
        if service is None:
            self._services.pop(name, None)
            return
        digest, before = service.definition.digest, self._services.get(name)
        if before is None and not self._here().in_touch:
            return  # what an agent finds in its state directory says nothing about the present
        seen = before if before is not None and before.digest == digest else _Seen(digest, service.revision, now, now)
        self._services[name] = seen
        self._count_slots(seen, service, now)
        whole = self._is_whole(service)
        # It was so before this agent began: Note [Good revisions] in ``planning.keeping.judging``.
        if before is None and whole:
            seen.unmarked = False
        claims = self._cluster.claims(name)
        if self._cluster.slots(name) or any(is_outdated(claim, service.definition) for claim in claims.values()):
            seen.goes_on, seen.moved = True, now
        if now >= seen.moved + MOST_IDLE:
            seen.goes_on = False
        if not whole:
            seen.whole_since = None
        elif seen.whole_since is None:
            seen.whole_since = now
        elif now >= seen.whole_since + STEADY:
            seen.goes_on = False
            seen.unmarked = seen.unmarked and claims[1].node == self._here().node

    def of(self, name: ServiceName) -> Rollout:
        """Return what was seen at the last look, as part of the rollout."""
        seen, nothing = self._services.get(name), Rollout(record=self._cluster.rollout(name))
        if seen is None or not (seen.goes_on or seen.unmarked):
            return nothing
        settles_at = seen.whole_since + STEADY if seen.whole_since is not None else None
        return evolve(
            nothing,
            goes_on=seen.goes_on,
            since=seen.since,
            settles_at=settles_at,
            unmarked=seen.unmarked,
            unpinned=seen.unpinned,
            held_since=dict(seen.held_since),
        )

    def marked(self, name: ServiceName) -> None:
        """Take note that the present definition is known to be a good one."""
        if name in self._services:
            self._services[name].unmarked = False

    def not_pinned(self, name: ServiceName) -> None:
        """Take note that this node may not write down the image of the present restart."""
        if name in self._services:
            self._services[name].unpinned = True

    def _is_whole(self, service: Service) -> bool:
        name = service.definition.name
        known = self._here().in_touch and not self._cluster.slots(name)
        return known and is_whole(service.definition, self._cluster.claims(name))

    def _count_slots(self, seen: _Seen, service: Service, now: float) -> None:
        """
        Record since when this node has held slots for the present definition. The time for which etcd was away does not
        count, and a rollout that was stopped begins anew; so does one whose definition was stored once more, as
        ``resume`` does: a view may have missed that it was stopped.
        """
        here, stopped = self._here(), stands_still(self._cluster.rollout(service.definition.name), service.definition)
        if (seen.stopped and not stopped) or seen.revision != service.revision:
            seen.since, seen.held_since = now, {}
        skipped = now - seen.looked if seen.away or not here.in_touch else 0.0
        slots = [slot.record for slot in self._cluster.slots(service.definition.name).values()]
        own = [one.instance.number for one in slots if (one.node, one.definition) == (here.node, seen.digest)]
        seen.held_since = {number: seen.held_since.get(number, now - skipped) + skipped for number in own}
        seen.looked, seen.away, seen.stopped, seen.revision = now, not here.in_touch, stopped, service.revision
