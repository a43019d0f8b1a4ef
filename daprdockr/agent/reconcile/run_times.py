# -*- test-case-name: tests.unit.whole.test_jobs -*-
"""Since when the runs of a job have been in their states, as this node sees them, by the monotonic clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.reconcile.first_seen import FirstSeen
from daprdockr.agent.reconcile.wall import BelievedWall
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import newest_of
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.planning.candidates import candidates
from daprdockr.planning.fitting import why_unable
from daprdockr.planning.jobs.beginning import begins_anew
from daprdockr.planning.keeping.preceding import owed
from daprdockr.planning.situation import Here, KnownClaims, OnHost, Rollout, Runs, Situation, Wanted


class RunTimes:
    """
    :param here: returns this node, as it is at the moment of the call.
    :param wall: the wall clock as far as it is believed.
    """

    def __init__(
        self, *, here: Callable[[], Here], cluster: ClusterView, containers: Containers, wall: BelievedWall
    ) -> None:
        self._here = here
        self._cluster = cluster
        self._containers = containers
        self._wall = wall
        self._claimed = FirstSeen()
        self._running = FirstSeen()
        self._waiting = FirstSeen()
        self._away = FirstSeen()
        self._stuck = FirstSeen()

    def observe(self, name: ServiceName, now: float) -> None:
        """Record the states of a service's runs at ``now`` (monotonic seconds)."""
        here = self._here()
        self._claimed(name, self._own(name, here), now)
        self._running(name, (one.run for one in self._containers.runs_of(name) if one.running), now)
        self._waiting(name, self._waiting_now(name) if here.may_claim else (), now)
        self._away(name, self._away_now(name, here) if here.may_claim else (), now)
        self._stuck(name, self._stuck_now(name) if here.may_claim else (), now)

    def of(self, name: ServiceName) -> Runs:
        """Return the runs of a service, and since when they have been in their states."""
        return Runs(
            records=dict(self._cluster.runs(name)),
            containers=tuple(sorted(self._containers.runs_of(name), key=lambda one: (one.run, one.id))),
            wall=self._wall(),
            booted=self._wall.booted,
            claimed_since=self._claimed.of(name),
            running_since=self._running.of(name),
            waiting_since=self._waiting.of(name),
            away_since=self._away.of(name),
            stuck_since=self._stuck.of(name),
        )

    def owes(self, name: ServiceName) -> bool:
        """Return whether a command has still to succeed before a container of a service may be created."""
        service, cluster = self._cluster.services.get(name), self._cluster
        if service is None or service.definition.before is None:
            return False
        claims = KnownClaims(dict(cluster.claims(name)), dict(cluster.successors(name)))
        host = OnHost(containers=dict(self._containers.of(name)))
        rollout, runs = Rollout(record=cluster.rollout(name)), Runs(dict(cluster.runs(name)))
        seen = Situation(self._here(), name, Wanted(service), claims, host, rollout=rollout, runs=runs)
        return owed(seen) != ""

    def _own(self, name: ServiceName, here: Here) -> Iterator[int]:
        for number, run in self._cluster.runs(name).items():
            if run.record.node == here.node and run.record.under_way:
                yield number

    def _waiting_now(self, name: ServiceName) -> Iterator[int]:
        service, runs = self._cluster.services.get(name), self._cluster.runs(name)
        yield from (number for number, run in runs.items() if run.record.state is RunState.WAITING)
        if service is None or (service.definition.runs is not None and begins_anew(service, newest_of(runs))):
            yield 0

    def _away_now(self, name: ServiceName, here: Here) -> Iterator[int]:
        for number, run in self._cluster.runs(name).items():
            if run.record.under_way and run.record.node != here.node and self._is_away(run.record):
                yield number

    def _stuck_now(self, name: ServiceName) -> Iterable[int]:
        service, runs = self._cluster.services.get(name), self._cluster.runs(name)
        asked = [number for number, one in runs.items() if one.record.state is RunState.WAITING and not one.record.due]
        unable = service is not None and asked and why_unable(service.definition, candidates(self._cluster))
        return asked if unable else ()

    def _is_away(self, record: RunRecord) -> bool:
        """Return whether the node of a run is gone, or cannot begin what it has claimed."""
        node = self._cluster.nodes.get(record.node)
        return node is None or (record.state is RunState.CLAIMED and not node.record.ready)
