# -*- test-case-name: tests.properties.test_wave -*-
"""
Several services that are placed at the same time: how each of them counts the others.

Note [A wave]
    When a host dies or an application is set, instances of many services are free at once, and which node has the
    fewest claims depends on the others' claims, which reach each node in another order. Ranked by the claims of the
    moment, no two nodes would agree. So the services are ranked one after another, in the order in which etcd made
    their instances free, and each counts for those before it what they will have in the end, and for those behind it
    what they had before. Neither moves while the claims arrive. A wave ends with its ``MOST``-th service, because all
    of this is computed again with each claim; and with instances that came free longer ago than ``LONGEST`` revisions,
    because no node has had room for them. The claims of the moment are the only basis for all other services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import dropwhile

from attrs import define, evolve, field

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate, failing
from daprdockr.planning.placing.placement import held_by_node, rank, vacancies
from daprdockr.planning.placing.tied import ties

MOST = 100
"""The most services with free instances: 30 ms on 100 nodes."""

LONGEST = 5000
"""Revisions of etcd, of which each placed instance takes two."""


def offers(cluster: ClusterView, candidates: tuple[Candidate, ...]) -> Mapping[ServiceName, tuple[Candidate, ...]]:
    """Return, for each service of the wave with free instances, the candidates to rank for them. See Note [A wave]."""
    members = _members(cluster)
    fresh = {name: _fresh(cluster, name) for name in members}
    counted = _Counted()
    for name in members:
        counted.add(cluster.services[name].definition, fresh[name], -1)
    offered: dict[ServiceName, tuple[Candidate, ...]] = {}
    for name in members:
        if len(offered) == MOST:
            break
        definition, claims = cluster.services[name].definition, cluster.claims(name)
        counted.add(definition, fresh[name])
        tied = ties(definition, cluster.volumes(name))
        vacant = vacancies(definition, claims)
        waiting = Counter(tied[number] for number in vacant if number in tied)
        counted.add(definition, waiting)
        if free := [number for number in vacant if number not in tied]:
            offered[name] = counted.onto(candidates)
            held = held_by_node(claims, cluster.successors(name)) + waiting
            ranking = rank(free, definition, held, offered[name], failing(name, claims.values(), candidates))
            counted.add(definition, Counter(ranking.first.values()))
    return offered


def _members(cluster: ClusterView) -> list[ServiceName]:
    """Return the services from the first on that has free instances, in the order in which these came free."""
    recent = sorted((at, name) for name, at in cluster.layout.freed.items() if at > cluster.revision - LONGEST)
    names = [name for _, name in recent]
    return list(dropwhile(lambda name: not vacancies(cluster.services[name].definition, cluster.claims(name)), names))


def _fresh(cluster: ClusterView, name: ServiceName) -> Counter[str]:
    """Return how many instances each node has claimed since they came free."""
    since = cluster.layout.freed[name]
    return Counter(claim.node for claim in cluster.claims(name).values() if claim.fence > since)


@define
class _Counted:
    """The claims that are counted for nodes in addition to their own, or not counted of them."""

    load: Counter[str] = field(factory=Counter)
    memory: Counter[str] = field(factory=Counter)
    cpus: dict[str, float] = field(factory=dict)
    ports: dict[str, Counter[tuple[str, int]]] = field(factory=dict)

    def add(self, definition: Definition, instances: Mapping[str, int], sign: int = 1) -> None:
        container = definition.container
        for node, count in instances.items():
            self.load[node] += sign * count
            self.memory[node] += sign * count * container.memory
            self.cpus[node] = self.cpus.get(node, 0.0) + sign * count * container.cpus
            for port in container.host_ports:
                self.ports.setdefault(node, Counter())[port.protocol, port.host] += sign * count

    def onto(self, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
        return tuple(self._onto(candidate) if candidate.name in self.load else candidate for candidate in candidates)

    def _onto(self, candidate: Candidate) -> Candidate:
        name = candidate.name
        ports = Counter(candidate.ports)
        ports.update(self.ports.get(name, {}))
        return evolve(
            candidate,
            load=candidate.load + self.load[name],
            memory=candidate.memory - self.memory[name],
            cpus=candidate.cpus - self.cpus[name],
            ports=ports,
        )
