# -*- test-case-name: tests.unit.agent.reconcile.test_gather -*-
"""
Since when instances of a service have been free, surplus, withdrawn, coming up or about to leave, as this node sees it.

A memory of its own, because gathering only reads: the loop calls ``observe`` for a service once before that is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import frozen

from daprdockr.agent.host.host import Host
from daprdockr.agent.mirror.roster import Roster
from daprdockr.agent.reconcile.first_seen import FirstSeen
from daprdockr.agent.reconcile.rollouts import RolloutTimes
from daprdockr.agent.reconcile.run_times import RunTimes
from daprdockr.agent.reconcile.withdrawals import Withdrawals
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.planning.placing.failing import brought_up
from daprdockr.planning.placing.leaving import REBALANCE_AFTER, Claims, leaving
from daprdockr.planning.situation import Fronts, Here, Rollout, Runs


@frozen
class OtherTimes:
    """The memories of what is no instance: withdrawn copies, rollouts, and the runs of jobs."""

    withdrawals: Withdrawals
    rollouts: RolloutTimes
    runs: RunTimes


class Since:
    """
    :param here: returns this node, as it is at the moment of the call.
    :param rebalance: whether this node hands instances over when it has more than its share.
    """

    def __init__(
        self,
        *,
        here: Callable[[], Here],
        cluster: ClusterView,
        host: Host,
        candidates: Roster,
        rebalance: bool,
        others: OtherTimes,
    ) -> None:
        self._here = here
        self._cluster = cluster
        self._host = host
        self._candidates = candidates
        self._rebalance = rebalance
        self._others = others
        self._free = FirstSeen()
        self._surplus = FirstSeen()
        self._coming_up = FirstSeen()
        self._leaving = FirstSeen()
        self._leavers: tuple[int, Mapping[ServiceName, list[int]]] = (-1, {})

    def observe(self, service: ServiceName, now: float) -> None:
        """Record the state of a service's instances at ``now`` (monotonic seconds)."""
        here = self._here()
        self._free(service, self._free_now(service, here), now)
        self._surplus(service, self._surplus_now(service, here), now)
        self._coming_up(service, self._coming_up_now(service, here), now)
        self._leaving(service, self._leaving_now(here).get(service, ()), now)
        self._others.withdrawals.observe(service, now)
        self._others.rollouts.observe(service, now)
        self._others.runs.observe(service, now)

    def fronts(self, service: ServiceName) -> Fronts:
        """Return which copies of a service were withdrawn, and how far all nodes are."""
        return self._others.withdrawals.of(service)

    def rollout(self, service: ServiceName) -> Rollout:
        """Return how far the rollout of a service is."""
        return self._others.rollouts.of(service)

    def runs(self, service: ServiceName) -> Runs:
        """Return the runs of a job."""
        return self._others.runs.of(service)

    def free(self, service: ServiceName) -> Mapping[int, float]:
        """Return the instances that this node may claim or prepare to take over, and since when."""
        return self._free.of(service)

    def surplus(self, service: ServiceName) -> Mapping[int, float]:
        """Return the instances of which there is a copy here and a healthy owner elsewhere, and since when."""
        return self._surplus.of(service)

    def coming_up(self, service: ServiceName) -> Mapping[int, float]:
        """Return the instances this node brings up, and since when; time without etcd, or for ``Before``, is none."""
        return self._coming_up.of(service)

    def leaving(self, service: ServiceName) -> Mapping[int, float]:
        """Return which instances should leave, and from when on: out of a drained node at once."""
        delay = 0.0 if self._here().node in self._cluster.draining else REBALANCE_AFTER
        return {number: since + delay for number, since in self._leaving.of(service).items()}

    def _free_now(self, name: ServiceName, here: Here) -> Iterator[int]:
        """Yield the instances this node may claim or prepare to take over, as far as nobody else has begun to."""
        service = self._cluster.services.get(name)
        if service is None or not here.may_claim:
            return
        claims, successors = self._cluster.claims(name), self._cluster.successors(name)
        for number in range(1, service.definition.instances + 1):
            claim = claims.get(number)
            if claim is None or (claim.record.leaving and number not in successors):
                yield number

    def _surplus_now(self, name: ServiceName, here: Here) -> Iterator[int]:
        """Yield the instances whose container runs here although another node's claim of them is healthy."""
        claims = self._cluster.claims(name)
        for number in self._host.containers.of(name):
            claim = claims.get(number)
            if claim is not None and claim.node != here.node and claim.record.healthy:
                yield number

    def _coming_up_now(self, name: ServiceName, here: Here) -> Iterable[int]:
        if not here.may_claim or self._others.runs.owes(name):
            return ()
        return brought_up(here.node, self._cluster.claims(name), self._cluster.successors(name))

    def _leaving_now(self, here: Here) -> Mapping[ServiceName, list[int]]:
        """See ``planning.placing.leaving``; computed again only when the mirror changed."""
        cluster = self._cluster
        if self._leavers[0] != cluster.generation:
            successors = {name: cluster.successors(name) for name in cluster.moving}
            found: dict[ServiceName, list[int]] = {}
            draining, candidates = cluster.draining, self._candidates()
            known = cluster.services, self._claims_of, successors, candidates
            for one in leaving(here.node, draining, self._rebalance, *known):
                found.setdefault(one.service, []).append(one.number)
            self._leavers = (cluster.generation, found)
        return self._leavers[1]

    def _claims_of(self, node: str) -> Claims:
        """Return the claims of the services that a node has a part in."""
        return {name: self._cluster.claims(name) for name in self._cluster.layout.placed.get(node, ())}
