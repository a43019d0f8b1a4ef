"""
Jobs on whole agents in memory, under faults drawn from a seed, and an independent checker of what became of each due
time: ``python -m tests.properties.jobs --jobs 20 --minutes 11 --kills 20 --seed 7``.

The checker knows nothing of plans: it has what Engines were asked to start, what etcd held at each second, and a list
of due times that it makes by itself.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from attrs import define, field, frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.mirrored_keys import RunKey
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.engine import MemoryEngine

MINUTE = 60
WINDOW = 45
HOUR = 3600.0

Place = tuple[ServiceName, int]
"""A job and the number of a run."""


@define(eq=False)
class WatchedEngine(MemoryEngine):
    """Writes down which run each start was for."""

    begun: list[tuple[Place, str]] = field(factory=list)

    def start(self, container: str) -> ContainerState:
        state = MemoryEngine.start(self, container)
        self.begun.append(((state.instance.service, state.run), container))
        return state


@frozen
class Faults:
    """How many nodes are killed, and whether etcd goes away for a minute and one clock jumps by an hour each way."""

    kills: int = 20
    outage: bool = True
    jumps: bool = True


@define(eq=False)
class Evidence:
    """The facts: the ``begun`` containers by run, and each record as it was last seen."""

    begun: dict[Place, list[str]] = field(factory=lambda: defaultdict(list))
    records: dict[Place, RunRecord] = field(factory=dict)
    killed: int = 0

    def breaches(self, services: list[ServiceName], end: float) -> Iterator[str]:
        """Yield each due time that was not settled once, and each run that was begun twice."""
        for place, containers in self.begun.items():
            if len(set(containers)) > 1 or len(containers) > 1:
                yield f"run {place[1]} of {place[0]} was begun {len(containers)} times"
        for service in services:
            of_job = {number: one for (name, number), one in self.records.items() if name == service}
            set_at = min(one.until for one in of_job.values() if one.state is RunState.SET)
            for due in range(set_at - set_at % MINUTE + MINUTE, int(end) - WINDOW - MINUTE, MINUTE):
                yield from self._due(service, due, of_job)

    def _due(self, service: ServiceName, due: int, records: dict[int, RunRecord]) -> Iterator[str]:
        covering = [(n, one) for n, one in records.items() if one.due and one.due <= due <= max(one.due, one.last)]
        begun = [n for n, one in covering if (service, n) in self.begun and one.due == due]
        told = [n for n, one in covering if one.state in (RunState.MISSED, RunState.LOST, RunState.FAILED)]
        if len(covering) != 1:
            yield f"{service} at {due} is settled by {len(covering)} records"
        if not begun and not told:
            yield f"{service} at {due} was neither begun nor told"
        if any(records[n].state is RunState.MISSED for n in begun):
            yield f"{service} at {due} was begun, and is said to be missed"

    @property
    def states(self) -> dict[str, int]:
        """How many records are in each state."""
        found: dict[str, int] = defaultdict(int)
        for one in self.records.values():
            found[one.state.value] += one.count or 1
        return dict(sorted(found.items()))


@define(eq=False)
class JobsUnderFaults:
    """A cluster of four nodes that carries out jobs while faults happen to it."""

    test: SynchronousTestCase
    jobs: int
    minutes: int
    faults: Faults
    chance: random.Random
    evidence: Evidence = field(factory=Evidence)
    _nodes: list[MemoryAgent] = field(factory=list)
    _away: list[tuple[int, MemoryAgent]] = field(factory=list)
    _lasts: dict[str, float] = field(factory=dict)

    def run(self) -> list[str]:
        """Return the breaches of the law."""
        cluster = MemoryCluster(self.test)
        self._nodes = [cluster.add(node, WatchedEngine(node=node)) for node in "abcd"]
        for agent in self._nodes:
            agent.docker.now = self._nodes[0].docker.now
        services = [ServiceName("jobs", f"j{number}") for number in range(self.jobs)]
        for service in services:
            cluster.define(_job(service))
        seconds = self.minutes * MINUTE
        kills = sorted(self.chance.sample(range(20, seconds - MINUTE), self.faults.kills))
        outage = self.chance.randrange(MINUTE, seconds - 3 * MINUTE) if self.faults.outage else seconds + 1
        jumps = self._jumps(seconds) if self.faults.jumps else {}
        for second in range(seconds):
            if kills and kills[0] <= second and self._kill(cluster, second):
                kills.pop(0)
            if second in jumps:
                self._nodes[0].off = jumps[second]
            cluster.store.unavailable = outage <= second < outage + MINUTE
            self._second(cluster, second)
        self._settle(cluster, seconds)
        return list(self.evidence.breaches(services, self._nodes[0].docker.now))

    def _jumps(self, seconds: int) -> dict[int, float]:
        """One clock goes an hour forward, and back, then an hour back, and is right again."""
        first, second = sorted(self.chance.sample(range(MINUTE, seconds - 2 * MINUTE), 2))
        return {first: HOUR, first + 40: 0.0, max(second, first + 41): -HOUR, max(second, first + 41) + 50: 0.0}

    def _settle(self, cluster: MemoryCluster, seconds: int) -> None:
        """No more faults: what is away comes back, and what is under way ends."""
        self._away = [(seconds, agent) for _, agent in self._away]
        for second in range(seconds, seconds + 3 * MINUTE):
            self._second(cluster, second)

    def _second(self, cluster: MemoryCluster, second: int) -> None:
        for back, agent in [one for one in self._away if one[0] <= second]:
            self._away.remove((back, agent))
            self._nodes[self._nodes.index(agent)] = cluster.succeed(agent)
        self._end_runs()
        cluster.advance(1.0)
        self._look(cluster)

    def _kill(self, cluster: MemoryCluster, second: int) -> bool:
        """A node goes, unless it is the last: half of the time only its agent, otherwise with all that runs there."""
        there = [agent for agent in self._nodes if agent in cluster.agents]
        if len(there) < 2:
            return False
        victim = self.chance.choice(there)
        cluster.crash(victim)
        if self.chance.random() < 0.5:
            for one in victim.running:
                victim.docker.crash(one.id, 137)
        self._away.append((second + self.chance.randrange(5, 60), victim))
        self.evidence.killed += 1
        return True

    def _end_runs(self) -> None:
        for agent in self._nodes:
            for one in agent.running:
                lasts = self._lasts.setdefault(one.id + agent.settings.node, self.chance.uniform(2.0, 40.0))
                if agent.docker.now - one.started >= lasts:
                    agent.docker.crash(one.id, 0)

    def _look(self, cluster: MemoryCluster) -> None:
        for agent in self._nodes:
            engine = agent.docker
            assert isinstance(engine, WatchedEngine)
            for place, container in engine.begun:
                self.evidence.begun[place].append(f"{container} on {agent.settings.node}")
            engine.begun.clear()
        if cluster.store.unavailable:
            return
        for entry in cluster.store.list(f"{KEYS.root}runs/").entries:
            name = KEYS.read(entry.key)
            assert isinstance(name, RunKey)
            self.evidence.records[name.service, name.number] = RunRecord.decode(entry.value)


def _job(service: ServiceName) -> Definition:
    schedule: dict[str, Any] = {"Cron": "* * * * *", "Window": WINDOW}
    members = {"Name": service.service, "Group": service.group, "Container": {"Image": "web:1"}, "Schedule": schedule}
    return Definition.read(members)


class InTemporaryFolder(SynchronousTestCase):
    """Lends agents their folders where they do not outlive the program."""

    def mktemp(self) -> str:
        """Return the path of a folder that is still to be made."""
        return f"{tempfile.mkdtemp(dir=self.folder)}/state"

    folder = ""


def main() -> None:
    """Run once, and print what was found."""
    parser = argparse.ArgumentParser(description="jobs under faults, in memory")
    for name, default in (("jobs", 20), ("minutes", 11), ("kills", 20), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    test = InTemporaryFolder()
    made = JobsUnderFaults(test, given.jobs, given.minutes, Faults(given.kills), random.Random(given.seed))
    with tempfile.TemporaryDirectory() as test.folder:
        breaches = made.run()
    begun = sum(len(containers) for containers in made.evidence.begun.values())
    print(
        f"seed {given.seed}: {begun} runs begun, {made.evidence.killed} nodes killed, records: {made.evidence.states}"
    )
    print("\n".join(breaches) or "each due time was settled once")
    raise SystemExit(bool(breaches))


if __name__ == "__main__":
    main()
