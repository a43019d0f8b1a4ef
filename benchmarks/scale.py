"""
The race at scale: 100 and 1,000 agents in one process, around a real etcd, with Docker in memory.

    .venv/bin/python -m benchmarks.scale [--agents 100:20,1000:60] [--instances 1000] [--services 20]

Each run starts all agents at once, has the instances of some services placed, leaves the agents alone for a while, and
then loses a node that has 100 instances more. Prints a table with the goals; the exit status says only whether the
measuring went well.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogLevel, globalLogBeginner
from zope.interface import implementer

from benchmarks import scale_report
from benchmarks.clock import BenchFailed
from benchmarks.scale_agent import Fleet, definition
from benchmarks.scale_claims import Claims
from benchmarks.scale_etcd import asked, processor_time
from benchmarks.scale_report import Part, Run
from benchmarks.scale_shared import Surroundings
from benchmarks.scale_store import Tally
from daprdockr.etcd.follow import Follower
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.placement import Constraint, Placement
from tests.rig.etcd_members import EtcdMembers

RUNS = "100:20,1000:60"
INSTANCES = 1000
SERVICES = 20
"""So many that each has fewer instances than there are nodes: who gets one depends on the claims of the others."""
LOST_INSTANCES = 100
TTL = 6
"""Seconds: the agent's own default."""

MEMBERS = 3
"""As a cluster in production has them; they share the two processors with the agents here."""

IDLE = 60.0
"""Seconds of the real clock that nothing happens."""

ALL_IN_TIME = 100
"""So many idle agents beat in time in one process."""

QUIET = 12.0
"""Seconds without a change of any claim after which placing is over, and evening out as well."""

PATIENCE = 240.0
"""Seconds of the real clock that what is waited for may take, or ``PATIENCE_PACED`` seconds of the agents if longer."""

PATIENCE_PACED = 40.0

TURN = 0.05


@frozen
class _Counts:
    asked: Counter[str]
    told: Counter[str]
    etcd_processor: float


class Race:
    """One run: parts, one after another, each measured from all sides."""

    def __init__(self, run: Run, around: Surroundings, members: EtcdMembers, reactor: Any) -> None:
        self.run = run
        self._reactor = reactor
        self._patience = max(PATIENCE, PATIENCE_PACED * run.pace)
        self._late = run.pace * run.ttl / 3
        self._urls = [members.url(number) for number in range(MEMBERS)]
        self._keys = around.keys
        self._tally = around.tally
        self._store = EtcdStore(members.access)
        self._claims = Claims(around.keys, reactor)
        self._follower = Follower(store=EtcdStore(members.access), prefixes=around.keys.mirrored, listener=self._claims)
        self._clock = around.agents_reactor
        self._fleet = Fleet(around, run.agents)
        self._longest_turn, self._turned_at = 0.0, 0.0
        self._turns = LoopingCall(self._turn)

    async def go(self, services: int, instances: int) -> None:
        """:raises BenchFailed: when a part did not end in time; what was measured before stands in ``run``."""
        self._follower.start()
        self._turned_at = time.monotonic()
        self._turns.start(TURN)
        await self._measure(scale_report.START, self._start)
        await self._measure(scale_report.PLACE, lambda: self._place(services, instances))
        self._clock.pace = idle_pace(self.run)
        await self._settle()
        await self._measure(scale_report.IDLE, lambda: deferLater(self._reactor, IDLE))
        self._clock.pace = self.run.pace
        node = await self._pin()
        await self._measure(scale_report.LOSS, lambda: self._lose(node))

    async def close(self) -> None:
        self._turns.stop()
        await self._fleet.close()
        await deferToThread(self._follower.stop)

    async def _start(self) -> None:
        begin = time.monotonic()
        self._fleet.start()
        moment = await self._until(lambda claims: len(claims.nodes) == self.run.agents, "all nodes registered")
        self._note(scale_report.REGISTERED, begin, moment)
        moment = await self._until(lambda claims: len(claims.ready) == self.run.agents, "all nodes ready")
        self._note(scale_report.READY, begin, moment)

    async def _place(self, services: int, instances: int) -> None:
        begin = time.monotonic()
        for number in range(services):
            await self._define(definition(f"web{number}", instances // services))
        wanted = instances // services * services
        moment = await self._until(lambda claims: claims.held.total() == wanted, f"{wanted} instances claimed")
        self._note(scale_report.CLAIMED, begin, moment)
        moment = await self._until(lambda claims: claims.well.total() == wanted, f"{wanted} instances told healthy")
        self._note(scale_report.WELL, begin, moment)
        self.run.figures[scale_report.IMBALANCE] = self._claims.imbalance(frozenset(self._claims.ready))

    async def _settle(self) -> None:
        """Until nothing changes any more, if it does not take too long."""
        begin = time.monotonic()
        while time.monotonic() < min(begin + self._patience, max(begin + self._late, self._claims.changed_at) + QUIET):
            await deferLater(self._reactor, QUIET / 5)

    async def _pin(self) -> str:
        """A node with ``LOST_INSTANCES`` more than the others: pinned to it, and set free when they run."""
        node = next(iter(self._fleet.agents))
        free = definition("lost", LOST_INSTANCES)
        wanted = self._claims.well.total() + LOST_INSTANCES
        await self._define(evolve(free, placement=Placement((Constraint("node", True, node),))))
        await self._until(lambda claims: claims.well.total() >= wanted, f"{LOST_INSTANCES} instances on one node")
        await self._define(free)
        return node

    async def _lose(self, node: str) -> None:
        """It falls silent. Its instances are placed anew when all there were are claimed, and healthy, elsewhere."""
        wanted = self._claims.held.total()
        self.run.figures[scale_report.LOST_INSTANCES] = self._claims.held[node]
        last_beat = await self._fleet.lose(node)
        for name, counts in (
            (scale_report.LOST_CLAIMED, self._claims.held),
            (scale_report.LOST_WELL, self._claims.well),
        ):
            moment = await self._until(
                partial(_is_placed_anew, node=node, counts=counts, wanted=wanted),
                f"the instances of a lost node: {name}",
            )
            self._note(name, last_beat, moment)

    async def _define(self, wanted: Definition) -> None:
        await deferToThread(self._store.put, self._keys.service(wanted.name), wanted.encode())

    def _until(self, condition: Callable[[Claims], bool], what: str) -> Deferred[float]:
        return self._claims.until(condition, what, self._patience)

    def _note(self, figure: str, begin: float, end: float) -> None:
        """In seconds of the agents."""
        self.run.figures[figure] = (end - begin) / self.run.pace

    async def _measure(self, name: str, part: Callable[[], Awaitable[object]]) -> None:
        """Do a part, and note it even if it does not end as it was meant to."""
        before = await deferToThread(self._count)
        begin, processor = time.monotonic(), time.process_time()
        self._longest_turn = 0.0
        try:
            await part()
        finally:
            seconds, processor = time.monotonic() - begin, time.process_time() - processor
            after = await deferToThread(self._count)
            self.run.parts[name] = Part(
                seconds=seconds / self._clock.pace,
                asked=after.asked - before.asked,
                told=after.told - before.told,
                processor=processor,
                etcd_processor=after.etcd_processor - before.etcd_processor,
                longest_turn=self._longest_turn,
            )
            say(f"  {name}: {seconds:.0f} s, {processor:.0f} s of processor time, {self._claims}")

    def _count(self) -> _Counts:
        """In a thread, at one go: to come back to the reactor may take seconds."""
        return _Counts(self._tally.so_far(), asked(self._urls), processor_time(self._urls))

    def _turn(self) -> None:
        now = time.monotonic()
        self._longest_turn = max(self._longest_turn, now - self._turned_at - TURN)
        self._turned_at = now


def _is_placed_anew(claims: Claims, node: str, counts: Counter[str], wanted: int) -> bool:
    """Whether a node has nothing any more, and all others together have all there is."""
    return not claims.held[node] and counts.total() == wanted


@implementer(ILogObserver)
class Complaints:
    """The warnings and errors that the agents log, counted by their sentence."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, event: dict[str, Any]) -> None:
        if event["log_level"] >= LogLevel.warn:
            self.counts[str(event.get("log_format"))] += 1

    def taken(self) -> str:
        """The most frequent ones since this was asked last."""
        counts, self.counts = self.counts, Counter()
        return ", ".join(f"{count} x '{sentence}'" for sentence, count in counts.most_common(5)) or "nothing"


async def measure(reactor: Any, run: Run, services: int, instances: int) -> None:
    """:raises BenchFailed: when it did not end as it was meant to; the rest is in ``run``."""
    with EtcdMembers(MEMBERS) as members, tempfile.TemporaryDirectory(prefix="bench-scale-") as directory:
        around = Surroundings(reactor, run.pace, members.access, Keys("/scale"), Tally(), Path(directory), run.ttl)
        race = Race(run, around, members, reactor)
        try:
            await race.go(services, instances)
        finally:
            await race.close()


async def measure_all(reactor: Any, runs: list[Run], services: int, instances: int) -> None:
    complaints = Complaints()
    globalLogBeginner.beginLoggingTo([complaints], discardBuffer=True, redirectStandardIO=False)
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints what nobody listens to
    say(machine())
    for run in runs:
        say(f"{run.title}: {instances} instances of {services} services")
        try:
            await measure(reactor, run, services, instances)
        except BenchFailed as problem:
            say(f"  stopped: {problem}")
        say(f"  the agents complained: {complaints.taken()}")
    say(f"\n{scale_report.report(runs)}\n\n{machine()}")


def machine() -> str:
    """Where and when this was measured."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0))
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {cores} cores, Linux {platform.release()}, load {load}"


def say(line: str) -> None:
    print(line, flush=True)


def idle_pace(run: Run) -> float:
    """See Note [Idle agents keep to real time] in ``scale_pace``."""
    return min(run.pace, max(1.0, run.agents / ALL_IN_TIME))


def read_run(text: str) -> Run:
    """``100``, or ``100:10`` for agents whose time goes ten times slower."""
    agents, _, pace = text.partition(":")
    return Run(agents=int(agents), pace=float(pace or 1), ttl=TTL, members=MEMBERS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split("\n")[1])
    parser.add_argument("--agents", default=RUNS, help=f"runs, each <agents>[:<times slower>]; {RUNS} by default")
    parser.add_argument("--instances", type=int, default=INSTANCES, help=f"of all services; {INSTANCES} by default")
    parser.add_argument("--services", type=int, default=SERVICES, help=f"they are of; {SERVICES} by default")
    options = parser.parse_args()
    runs = [read_run(text) for text in options.agents.split(",")]
    react(lambda reactor: Deferred.fromCoroutine(measure_all(reactor, runs, options.services, options.instances)))


if __name__ == "__main__":
    main()
