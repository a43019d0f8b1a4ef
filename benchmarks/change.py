"""
The cost of one change in the cluster for an agent: processor time from the watch to the plan, the names and the routes.

    .venv/bin/python -m benchmarks.change [--nodes 3,100,1000] [--instances 20,100,1000]

An agent in memory (``tests.fakes.agents``) is one of so many nodes. Ten services are placed, claim by claim, and then
one instance after another fails its check and is well again. etcd, Docker, nginx and DNS server take no part.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.scale_agent import definition
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.agents import STEP, MemoryCluster

SERVICES = 10
FLAPS = 200
"""Instances that fail and are well again once all is placed."""

MILLI = 1e3


class Cluster:
    """One agent, and around it nodes and their claims that are nothing but keys."""

    def __init__(self, test: SynchronousTestCase, nodes: int, instances: int) -> None:
        self._memory = MemoryCluster(test)
        self.agent = self._memory.add("a", no_rebalance=False)
        self._others = [f"n{number:04d}" for number in range(1, nodes)]
        self._lease = self._memory.store.grant(100_000).id
        """Of all others: what has none counts for nothing."""
        for node in self._others:
            self._memory.store.put(KEYS.node(node), NodeRecord().encode(), self._lease)
        self._definitions = [definition(f"web{number}", instances) for number in range(SERVICES)]
        self.names = [wanted.name for wanted in self._definitions]
        for wanted in self._definitions:
            self._memory.define(wanted)
        self.agent.pass_time(0)

    def place(self) -> Iterator[float]:
        """Claim all that is free and tell that it is well; yields the processor seconds of each change."""
        nodes = cycle(self._others)
        for name in self._instances():
            if self._memory.store.get(KEYS.claim(name)) is None:  # else the agent took its share
                record = ClaimRecord(node=next(nodes), addresses=("10.0.0.2",))
                yield self._change(name, record)
                yield self._change(name, evolve(record, state=State.RUNNING, healthy=True))

    def flap(self) -> Iterator[float]:
        """Instances of other nodes fail their checks and are well again; yields as ``place`` does."""
        records = ((name, self._record(name)) for name in self._instances())
        theirs = [(name, record) for name, record in records if record.node != "a"]
        for name, record in theirs[:: max(1, len(theirs) // FLAPS)][:FLAPS]:
            yield self._change(name, evolve(record, state=State.UNHEALTHY, healthy=False))
            yield self._change(name, record)

    def _instances(self) -> Iterator[InstanceName]:
        for wanted in self._definitions:
            yield from (InstanceName(wanted.name, number) for number in range(1, wanted.instances + 1))

    def _record(self, name: InstanceName) -> ClaimRecord:
        entry = self._memory.store.get(KEYS.claim(name))
        assert entry is not None
        return ClaimRecord.decode(entry.value)

    def _change(self, name: InstanceName, record: ClaimRecord) -> float:
        """Write it, and hand it to the agent as its watch does."""
        revision = self._memory.store.put(KEYS.claim(name), record.encode(), self._lease)
        entry = self._memory.store.get(KEYS.claim(name))
        assert isinstance(entry, Entry)
        begin = time.process_time()
        self.agent.mirror.changed(Batch(self.agent.cluster.cluster_id, revision, (entry,)))
        self.agent.clock.advance(STEP / 1000)
        return time.process_time() - begin


class Bench(SynchronousTestCase):
    """A test that the harness needs: it has directories that are removed when it is over."""

    def mktemp(self) -> str:
        directory = tempfile.TemporaryDirectory(prefix="bench-change-")
        self.addCleanup(directory.cleanup)
        return f"{directory.name}/agent"

    def runTest(self) -> None:  # noqa: N802 - trial's name
        """Nothing: ``main`` measures."""


def measure(nodes: int, instances: int) -> str:
    bench = Bench()
    cluster = Cluster(bench, nodes, instances)
    placing, flapping = list(cluster.place()), list(cluster.flap())
    bench.doCleanups()
    figures = [f"{statistics.mean(costs) * MILLI:11.2f}" for costs in (placing, flapping)]
    return f"{nodes:9,} {SERVICES:>5} x {instances:<7,}{' '.join(figures)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.change", description=(__doc__ or "").split("\n")[1])
    parser.add_argument("--nodes", default="3,100,1000")
    parser.add_argument("--instances", default="20,100,1000", help="of each of the ten services")
    options = parser.parse_args()
    print("ms of processor time for each change\n    nodes    instances  while placed      later")
    for nodes in map(int, options.nodes.split(",")):
        for instances in map(int, options.instances.split(",")):
            print(measure(nodes, instances), flush=True)


if __name__ == "__main__":
    main()
