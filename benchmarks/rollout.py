"""
A changed definition replaces all instances: how long, and what is lost. daprdockr beside Swarm mode, on the same hosts.

    .venv/bin/python -m benchmarks.rollout [--instances 2,10,40] [--on-term finish,ignore,die] [--rollouts 1]
                                           [--rate 200] [--parallelism N] [--teams daprdockr,swarm]

The hosts are namespaces of this machine with a Docker Engine each, see ``tests/rig/cluster/cluster.py``. Contenders
take turns, each alone. A client that repeats nothing (``tests.rig.strict_client``) asks the door of each host in turn.
The clock starts before the command that changes the definition, and stops when as many containers of the new version
run as are wanted and none of another one. Prints tables with the goal; the exit status says only whether the measuring
went well.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from docker import APIClient

from benchmarks.clock import BenchFailed
from benchmarks.converge import ignore_signals, machine, say, stopped
from benchmarks.rollout_agents import RolledByAgents
from benchmarks.rollout_report import Asked, Case, Result, report
from benchmarks.rollout_swarm import RolledBySwarm, door_program
from benchmarks.rollout_team import Team, Versions
from tests.chaos.load import http_answer
from tests.rig.cluster.cluster import Cluster, in_parallel, missing
from tests.rig.cluster.host import AGENT
from tests.rig.python_image import made_on
from tests.rig.strict_client import StrictClient, Taken, Wanted

HOSTS = 3
INSTANCES, ON_TERM, TEAMS = "2,10,40", "finish,ignore,die", "daprdockr,swarm"
RATE = 200
SHARE = 5
"""By default a fifth of the instances is replaced at a time."""

PATIENCE = 600.0
"""Seconds that a rollout may take."""

LOOK = 0.1
"""Seconds between two queries for the containers."""

REST = 2.0
"""Seconds of load before the first rollout, and after each."""


def measure(cluster: Cluster, team: Team, case: Case, options: argparse.Namespace, result: Result) -> None:
    """All rollouts of one contender in one case. :raises AssertionError, BenchFailed: when something did not happen."""
    with ExitStack() as stack:
        versions = Versions(cluster.hosts)
        stack.callback(versions.close)
        team.place(case, options.parallelism or max(1, case.instances // SHARE))
        cluster.until(lambda: is_at(versions, case, 0), f"{team.name} has {case.instances} instances", PATIENCE)
        cluster.until(lambda: answers(team), f"the doors of {team.name} answer")
        with StrictClient(Wanted(team.targets(), options.rate)) as client:
            time.sleep(REST)
            client.take()
            time.sleep(REST)
            result.add_rest(team.name, asked(client.take()))
            for version in range(1, options.rollouts + 1):
                seconds = roll(cluster, team, case, version, versions)
                time.sleep(REST)
                found = asked(client.take())
                result.add(case, team.name, seconds, found)
                told = f"{found.losses} of {found.sent} lost, {found.skipped} skipped"
                say(f"    {team.name}, {case.instances} that {case.on_term}: {seconds:.1f} s, {told}")
        team.clear()
        cluster.until(versions.are_gone, "no container is left", PATIENCE)


def roll(cluster: Cluster, team: Team, case: Case, version: int, versions: Versions) -> float:
    """Seconds until a rollout is over."""
    begin = time.monotonic()
    team.roll(version)
    deadline = begin + PATIENCE
    while not is_at(versions, case, version):
        if time.monotonic() > deadline:
            raise BenchFailed(f"{team.name}: the rollout is not over after {PATIENCE:g} s\n{cluster.report()}")
        time.sleep(LOOK)
    return time.monotonic() - begin


def is_at(versions: Versions, case: Case, version: int) -> bool:
    """Whether just as many run as are wanted, all of this version."""
    return Counter(versions.running()) == {str(version): case.instances}


def answers(team: Team) -> bool:
    return all(http_answer(f"{one.address}:{one.port}", one.host_name)["ok"] for one in team.targets())


def asked(taken: Taken) -> Asked:
    return Asked(taken.sent, taken.skipped, Counter(taken.lost), taken.median, taken.p99, taken.slowest)


@contextmanager
def cluster_with_image() -> Iterator[tuple[Cluster, str, str]]:
    """Hosts with the image, its reference and its id; taken down in the end, whatever happens."""
    with ExitStack() as stack:
        cluster = Cluster(HOSTS)
        stack.callback(cluster.close)
        stack.callback(ignore_signals)
        cluster.open()
        reference = made_on(cluster.host(1).engine, door_program())
        yield cluster, reference, share(cluster, reference)


def share(cluster: Cluster, reference: str) -> str:
    """Give the image of the first host to all; its id."""
    first, *others = [APIClient(base_url=host.engine, version="auto", timeout=120) for host in cluster.hosts]
    for client in others:
        for _ in client.load_image(first.get_image(reference)):
            pass  # it is loaded when it has said all it has to say
    image = str(first.inspect_image(reference)["Id"])
    for client in (first, *others):
        client.close()
    return image


def run(options: argparse.Namespace, result: Result) -> None:
    with cluster_with_image() as (cluster, reference, image):
        in_parallel(lambda host: host.end(AGENT), cluster.hosts)
        cluster.until(lambda: not cluster.stored("nodes/"), "all leases have ended")
        everyone: list[Team] = [RolledByAgents(cluster, reference), RolledBySwarm(cluster, image)]
        everyone = [team for team in everyone if team.name.lower() in options.teams]
        say(machine(cluster.host(1).engine))
        for on_term in options.on_term:
            for team in everyone:
                team.come()
                for instances in options.instances:
                    measure(cluster, team, Case(instances, on_term), options, result)
                team.go()
        say(machine(cluster.host(1).engine))


def wishes(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-rollout")
    parser.add_argument("--instances", type=numbers, default=INSTANCES, help=f"of the service, by comma; {INSTANCES}")
    parser.add_argument("--on-term", type=names_of(ON_TERM), default=ON_TERM, help=f"what they do on TERM; {ON_TERM}")
    parser.add_argument("--rollouts", type=positive, default=1, help="in each case; 1")
    parser.add_argument("--rate", type=positive, default=RATE, help=f"requests per second; {RATE}")
    parser.add_argument("--parallelism", type=positive, help="replaced at a time; a fifth of the instances")
    parser.add_argument("--teams", type=names_of(TEAMS), default=TEAMS, help=f"who takes part; {TEAMS}")
    return parser.parse_args(words)


def positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(positive, text.split(",")))


def names_of(known: str) -> Callable[[str], tuple[str, ...]]:
    def names(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if not set(found) <= set(known.split(",")):
            raise ValueError(text)
        return found

    return names


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, stopped)
    options, result = wishes(words), Result()
    if absent := missing():
        say(f"bench-rollout: {absent}")
        return 1
    try:
        run(options, result)
    except (BenchFailed, AssertionError) as problem:
        say(f"\n{report(result, RolledByAgents.name, RolledBySwarm.name)}\nbench-rollout: {problem}")
        return 1
    except KeyboardInterrupt:
        say(f"\n{report(result, RolledByAgents.name, RolledBySwarm.name)}\nbench-rollout: interrupted")
        return 130
    say(f"\n{report(result, RolledByAgents.name, RolledBySwarm.name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
