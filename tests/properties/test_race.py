"""
Nodes race for free instances, each on what it has received: a model with real mirrors and the real ranking, in which
changes arrive with a delay. No node tries to claim another's instance.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.roster import Roster
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.placing.placement import rank, vacancies
from tests.build.values import KEYS, definition

NEWS = (0.002, 0.02)
"""Seconds that a write takes to arrive at a node, from and to; half of it on the way to etcd."""

THINKING = 0.0001
"""Seconds from the news to the plan: what arrives meanwhile is planned with it."""


class Node:
    """A node: its mirror, and the instances that it has tried to claim."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cluster = Cluster(KEYS)
        self.roster = Roster(self.cluster)
        self.heard_at = 0.0
        self.thinks = False
        self.tried: set[InstanceName] = set()

    def wishes(self) -> list[InstanceName]:
        """The free instances that it should be the first to claim."""
        services = self.cluster.services.values()
        return [i for service in services for i in self._of(service.definition) if i not in self.tried]

    def _of(self, wanted: Definition) -> list[InstanceName]:
        claims = self.cluster.claims(wanted.name)
        held = Counter(claim.node for claim in claims.values())
        first = rank(vacancies(wanted, claims), wanted, held, self.roster.offered(wanted.name)).first
        return [InstanceName(wanted.name, number) for number, node in first.items() if node == self.name]


class Race:
    """One etcd, nodes around it, and a clock. ``attempts`` counts who tried to create a claim."""

    def __init__(self, nodes: int, seed: int) -> None:
        self.nodes = {name: Node(name) for name in (f"n{number:03d}" for number in range(nodes))}
        self.claims: dict[InstanceName, str] = {}
        self.attempts = 0
        self._random = Random(seed)
        self._revision = 0
        self._now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        for name in self.nodes:
            self._write(KEYS.node(name), NodeRecord().encode())
        self.run()

    def define(self, *sizes: int) -> None:
        """Set services of so many instances, one a millisecond after the other."""
        for number, size in enumerate(sizes):
            wanted = definition(Name=f"s{number:02d}", instances=size)
            self._at(number * 0.001, partial(self._write, KEYS.service(wanted.name), wanted.encode()))

    def lose(self, name: str) -> None:
        """A node dies, and its lease ends."""
        del self.nodes[name]
        lost = [instance for instance, owner in self.claims.items() if owner == name]
        for instance in lost:
            del self.claims[instance]
        self._tell([Deleted(key, self._revision + 1) for key in (KEYS.node(name), *map(KEYS.claim, lost))])
        for node in self.nodes.values():
            node.tried.difference_update(lost)

    def run(self) -> None:
        """Until nothing happens any more."""
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()

    @property
    def imbalance(self) -> int:
        """Between the node that has the most claims and the one that has the fewest."""
        return self._spread(self.claims)

    @property
    def imbalances(self) -> set[int]:
        """The same for the claims of each service."""
        services = {instance.service for instance in self.claims}
        return {self._spread([i for i in self.claims if i.service == service]) for service in services}

    def _spread(self, instances: Iterable[InstanceName]) -> int:
        loads = Counter(self.claims[instance] for instance in instances)
        return max(loads[name] for name in self.nodes) - min(loads[name] for name in self.nodes)

    def _at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + delay, next(self._order), event))

    def _write(self, key: str, value: bytes) -> None:
        revision = self._revision + 1
        self._tell([Entry(key, value, revision, revision, 1)])

    def _tell(self, changes: list[Change]) -> None:
        """All nodes receive the changes in etcd's order, but each at another time."""
        self._revision += 1
        batch = Batch(7, self._revision, tuple(changes))
        for node in self.nodes.values():
            node.heard_at = max(node.heard_at, self._now + self._random.uniform(*NEWS))
            self._at(node.heard_at - self._now, partial(self._hear, node, batch))

    def _hear(self, node: Node, batch: Batch) -> None:
        node.cluster.apply(batch)
        if not node.thinks:
            node.thinks = True
            self._at(THINKING, partial(self._plan, node))

    def _plan(self, node: Node) -> None:
        node.thinks = False
        for instance in node.wishes():
            node.tried.add(instance)
            self._at(self._random.uniform(*NEWS) / 2, partial(self._claim, node, instance))

    def _claim(self, node: Node, instance: InstanceName) -> None:
        self.attempts += 1
        if instance not in self.claims:
            self.claims[instance] = node.name
            self._write(KEYS.claim(instance), ClaimRecord(node.name).encode())


class RaceTests(SynchronousTestCase):
    """Several services at once, with fewer instances than there are nodes, and with more."""

    SIZES = (7, 3, 25, 1, 1, 2, 40, 5, 13, 8, 7, 7)

    def test_set_together(self) -> None:
        """Each claim costs one attempt, and no node has more than one instance more than another."""
        for seed in (1, 2, 3):
            race = Race(20, seed)
            race.define(*self.SIZES)
            race.run()
            self.assertEqual((len(race.claims), race.attempts), (sum(self.SIZES), sum(self.SIZES)), seed)
            self.assertLessEqual(race.imbalance, 1, seed)
            self.assertLessEqual(race.imbalances, {0, 1}, seed)

    def test_lost_together(self) -> None:
        """So it is when what a dead node had is placed anew; each service stays even."""
        race = Race(12, 1)
        race.define(*self.SIZES)
        race.run()
        before = len(race.claims)
        race.lose("n003")
        lost = before - len(race.claims)
        race.run()
        self.assertEqual((len(race.claims), race.attempts), (before, before + lost))
        self.assertLessEqual(race.imbalances, {0, 1})
        self.assertGreater(lost, 5)
