"""
A host is cut off: how long until its instances run elsewhere. daprdockr beside Swarm mode, on the same three hosts.

    .venv/bin/python -m benchmarks.failover [--ttl 5,6] [--rounds 6] [--election 300] [--tuned]

The hosts are namespaces of this machine with a Docker Engine each, see ``tests/rig/cluster/cluster.py``. All contenders
take turns, round by round, each alone: when it comes it is started on all hosts, and when it goes it is ended. In a
round all lose the same host; in every other round the leader, of etcd or of the Swarm, is on that host. Prints a
table with the goals; the exit status says only whether the measuring went well.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Protocol

from attrs import frozen

from benchmarks.clock import BenchFailed
from benchmarks.converge import ignore_signals, machine, say, stopped
from benchmarks.failover_agents import Agents
from benchmarks.failover_containers import Containers
from benchmarks.failover_report import HEALED, Contender, Kept, Result, report
from benchmarks.failover_swarm import SwarmMode
from tests.rig.cluster.cluster import Cluster, missing
from tests.rig.cluster.etcd import ELECTION
from tests.rig.cluster.host import AGENT, Host

COUNT = 12
HOSTS = 3
ROUNDS = 6
TTLS = "5,6"
"""Seconds of the lease; the agent's own default is the last of these."""

PATIENCE = 180.0
"""Seconds that a takeover may take; a Swarm that has lost its leader needs one of them."""

LOOK = 0.02
"""Seconds between two looks."""

REST = 3.0
"""Seconds that the hosts stay cut off after the takeover, and stay healed before the restarts are counted."""

TRIES = 5
"""How often instances are placed anew until each host has as many."""

TUNED_HEARTBEAT, TUNED_DELAY = "2s", "0s"


class Team(Protocol):
    """A system that keeps instances running on the hosts of a cluster."""

    contender: Contender
    containers: Containers

    def come(self, leader: Host) -> None:
        """Start work on all hosts, with the leader on this one."""

    def leader(self) -> Host: ...

    def place(self, count: int) -> None:
        """Have so many instances, and wait until all run."""

    def stages(self, count: int, others: Sequence[Host]) -> Mapping[str, Callable[[], bool]]:
        """Conditions that show a takeover by the other hosts, by the contender's stages."""

    def is_settled(self, count: int) -> bool:
        """Whether all run, once each, and all hosts are back."""

    def clear(self) -> None:
        """Take down what ``place`` brought up."""

    def go(self) -> None:
        """End work on all hosts."""

    def close(self) -> None: ...


@frozen
class Turn:
    """The number of the host that is cut off, and of the one that leads until then."""

    cut: int
    leader: int


def turns(hosts: int, rounds: int) -> Iterator[Turn]:
    """Each time another host; the leader is on it in every other round, first in the second."""
    for number in range(rounds):
        cut, neighbour = number % hosts + 1, (number + 1) % hosts + 1
        yield Turn(cut, cut if number % 2 else neighbour)


def measure(cluster: Cluster, team: Team, turn: Turn, result: Result) -> None:
    """One turn of one contender. :raises AssertionError: when what was waited for did not come true."""
    others = [host for host in cluster.hosts if host.number != turn.cut]
    team.come(cluster.host(turn.leader))
    place_evenly(team, cluster, result)
    if team.leader().number != turn.leader:
        raise BenchFailed(f"{team.contender.name}: the leader did not stay on host{turn.leader}")
    before, load = team.containers.starts(others), os.getloadavg()[0]

    elapsed = stopwatch()
    cluster.network.cut_from_all(turn.cut)
    seconds = watch(team.stages(COUNT, others), elapsed, partial(time.sleep, LOOK))
    time.sleep(REST)
    running = before | team.containers.starts(others)

    elapsed = stopwatch()
    cluster.network.heal(turn.cut)
    cluster.until(lambda: team.is_settled(COUNT), f"{team.contender.name} settles after the heal", PATIENCE)
    seconds[HEALED] = elapsed()
    time.sleep(REST)
    after = team.containers.starts(others)
    kept = Kept(len(running), sum(after.get(container) != start for container, start in running.items()))

    result.add(team.contender, turn.cut == turn.leader, seconds, kept)
    told = ", ".join(f"{value:.2f} s {stage}" for stage, value in seconds.items())
    healed = f"then {team.containers.shares(cluster.hosts)}, {kept.lost} of {kept.ran} restarted"
    say(f"    {team.contender.name}: load {load:.1f}, {told}; {healed}")
    team.clear()
    team.go()


def place_evenly(team: Team, cluster: Cluster, result: Result) -> None:
    """
    Place them anew until each host has as many: to lose a host that has none, or most, could not be compared.

    :raises BenchFailed: if it took too many tries.
    """
    even = "/".join([str(COUNT // HOSTS)] * HOSTS)
    for _ in range(TRIES):
        team.place(COUNT)
        shares = team.containers.shares(cluster.hosts)
        result.add_placement(team.contender, shares)
        if shares == even:
            return
        say(f"    {team.contender.name}: placed {shares}, load {os.getloadavg()[0]:.1f}: once more")
        team.clear()
    raise BenchFailed(f"{team.contender.name} did not place {even} in {TRIES} tries")


def stopwatch() -> Callable[[], float]:
    """A function that returns the seconds since it was made."""
    begin = time.monotonic()
    return lambda: time.monotonic() - begin


def watch(
    stages: Mapping[str, Callable[[], bool]], elapsed: Callable[[], float], rest: Callable[[], object]
) -> dict[str, float]:
    """When each came true, one after another; ``rest`` between two looks. :raises BenchFailed: if one did not."""
    found = {}
    for stage, is_reached in stages.items():
        while not is_reached():
            if elapsed() > PATIENCE:
                raise BenchFailed(f"{stage}: not within {PATIENCE:g} s")
            rest()
        found[stage] = elapsed()
    return found


@contextmanager
def cluster_of(hosts: int, election: int) -> Iterator[Cluster]:
    """Hosts on which nothing works but the Engines and etcd; taken down in the end, whatever happens."""
    with ExitStack() as stack:
        cluster = Cluster(hosts, election=election)
        stack.callback(cluster.close)
        stack.callback(ignore_signals)
        cluster.open()
        for host in cluster.hosts:
            host.end(AGENT)
        cluster.until(lambda: not cluster.stored("nodes/"), "all leases have ended")
        yield cluster


def teams(cluster: Cluster, ttls: Sequence[int], tuned: bool) -> list[Team]:
    found: list[Team] = [Agents(cluster, ttl) for ttl in ttls]
    found.append(SwarmMode(cluster, "Swarm mode"))
    if tuned:
        name = f"Swarm mode, heartbeats every {TUNED_HEARTBEAT}, no restart delay"
        init, create = ["--dispatcher-heartbeat", TUNED_HEARTBEAT], ["--restart-delay", TUNED_DELAY]
        found.append(SwarmMode(cluster, name, init, create))
    return found


def run(options: argparse.Namespace, result: Result, told: list[Contender]) -> None:
    """All rounds; who took part is added to ``told``."""
    with cluster_of(HOSTS, options.election) as cluster, ExitStack() as stack:
        everyone = teams(cluster, options.ttl, options.tuned)
        told += [team.contender for team in everyone]
        for team in everyone:
            stack.callback(team.close)
        say(f"{machine(cluster.host(1).engine)}; etcd elects after {options.election} ms")
        for number, turn in enumerate(turns(HOSTS, options.rounds)):
            say(f"round {number + 1} of {options.rounds}: host{turn.cut} is cut off, host{turn.leader} leads")
            first = number % len(everyone)
            for team in [*everyone[first:], *everyone[:first]]:
                measure(cluster, team, turn, result)
        say(machine(cluster.host(1).engine))


def wishes(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-failover")
    parser.add_argument("--ttl", type=leases, default=TTLS, help=f"of the leases, by comma; {TTLS}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many; {ROUNDS}")
    parser.add_argument("--election", type=int, default=ELECTION, help=f"timeout of etcd in milliseconds; {ELECTION}")
    parser.add_argument("--tuned", action="store_true", help="a Swarm with faster settings takes part too")
    return parser.parse_args(words)


def leases(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, stopped)
    options, result, told = wishes(words), Result(), list[Contender]()
    if absent := missing():
        say(f"bench-failover: {absent}")
        return 1
    try:
        run(options, result, told)
    except (BenchFailed, AssertionError) as problem:
        say(f"\n{report(result, told)}\nbench-failover: {problem}")
        return 1
    except KeyboardInterrupt:
        say("bench-failover: interrupted")
        return 130
    say(f"\n{report(result, told)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
