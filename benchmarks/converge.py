"""
From set to running, and from killed to running again: daprdockr beside ``docker run`` and Swarm mode.

    .venv/bin/python -m tests.rig.engine run DIR -- .venv/bin/python -m benchmarks.converge

All contestants take turns on one Engine, round by round and each round in another order, so that whatever else this
machine does hits them alike. Prints a table of medians with ratios and the goals; the exit status says only whether
the measuring went well.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from attrs import frozen

from benchmarks import report
from benchmarks.agent import Daprdockr
from benchmarks.clock import BenchFailed
from benchmarks.containers import Contestant, Restarting, client_of
from benchmarks.figures import Figures
from benchmarks.plain import Api, DockerRun
from benchmarks.swarm import Swarm, swarm_mode
from tests.rig.docker_engine import engine_url, sample_image, unique_prefix
from tests.rig.etcd_members import EtcdMembers

ROUNDS = 4
LARGEST_IN_ROUNDS = 3
KILLS = 5
"""Kills of each contestant in a round."""

REST = 1.2
"""Seconds between a start and the next kill: an instance that dies younger than that may well be backed off."""

BUDGET = 450.0
"""Seconds after which nobody gets another turn, so that a slow machine has its table within ten minutes."""


@frozen
class Entrant:
    """A contestant that takes part with so many containers at a time, and in the kills too if ``killed`` is given."""

    contestant: Contestant
    counts: tuple[int, ...] = report.COUNTS
    killed: Restarting | None = None


def measure(
    entrant: Entrant, count: int, figures: Figures, say: Callable[[str], object], rest: Callable[[], object]
) -> None:
    """One turn of one contestant. ``rest`` is called before each kill."""
    found = entrant.contestant.converge(count)
    figures.add(str(count), found)
    for row, value in found.items():
        say(f"    {value:5.2f} s  {row}")
    if count == 1 and entrant.killed is not None:
        for _ in range(KILLS):
            rest()
            figures.add(report.KILLED, entrant.killed.kill())
    entrant.contestant.clear()


def turns(entrants: Sequence[Entrant]) -> Iterator[tuple[int, int, list[Entrant]]]:
    """Number of the round from 1, count, and who takes part, in the order of their turns."""
    for number in range(ROUNDS):
        first = number % len(entrants)
        order = [*entrants[first:], *entrants[:first]]
        for count in report.COUNTS:
            if count < max(report.COUNTS) or number < LARGEST_IN_ROUNDS:
                yield number + 1, count, [entrant for entrant in order if count in entrant.counts]


def warm_up(entrants: Sequence[Entrant]) -> None:
    """The first container on an Engine takes longer than any later one, for each contestant."""
    say("warming up")
    for entrant in entrants:
        entrant.contestant.converge(1)
        entrant.contestant.clear()


def take_turns(entrants: Sequence[Entrant], figures: Figures) -> None:
    """All of them, or those for which there is time: then everyone has had as many."""
    deadline = time.monotonic() + BUDGET
    for number, count, those in turns(entrants):
        if time.monotonic() > deadline:
            say(f"stopped in round {number} of {ROUNDS}: this machine is too slow for more in the time there is")
            return
        say(f"round {number} of {ROUNDS}, {count} running")
        for entrant in those:
            measure(entrant, count, figures, say, partial(time.sleep, REST))


@contextmanager
def entrants_on(engine: str) -> Iterator[list[Entrant]]:
    """Everyone, brought up and in the end taken down."""
    image, run = sample_image(engine), unique_prefix()
    with ExitStack() as stack:
        members = stack.enter_context(EtcdMembers(3))
        stack.enter_context(swarm_mode(engine))
        api, docker_run = Api(engine, image, run), DockerRun(engine, image, run)
        swarm = Swarm(engine, image, f"{run}-swarm", report.SWARM, report.SWARM_TOLD)
        at_once = Swarm(engine, image, f"{run}-once", report.SWARM_AT_ONCE, "", "--restart-delay", "0s")
        ours = Daprdockr(engine, image, run, members)
        contestants: tuple[Contestant, ...] = (api, docker_run, swarm, at_once, ours)
        for contestant in contestants:
            stack.callback(contestant.close)
        stack.callback(ignore_signals)
        ours.start()
        yield [
            Entrant(api),
            Entrant(docker_run),
            Entrant(swarm, killed=swarm),
            Entrant(at_once, counts=(1,), killed=at_once),
            Entrant(ours, killed=ours),
        ]


def machine(engine: str) -> str:
    """Where and when this was measured."""
    with client_of(engine) as client:
        version = client.version()["Version"]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {cores} cores, Linux {platform.release()}, Engine {version}, load {load}"
    )


def say(line: str) -> None:
    print(line, flush=True)


def ignore_signals() -> None:
    """Nothing cuts the clean-up short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def stopped(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, stopped)
    engine, figures = engine_url(), Figures()
    say(machine(engine))
    try:
        with entrants_on(engine) as entrants:
            warm_up(entrants)
            take_turns(entrants, figures)
    except BenchFailed as problem:
        say(report.report(figures))
        say(f"bench-converge: {problem}")
        return 1
    except KeyboardInterrupt:
        say("bench-converge: interrupted")
        return 130
    say(f"\n{report.report(figures)}\n\n{machine(engine)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
