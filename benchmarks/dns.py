"""
DNS on one core: daprdockr beside twisted.names, dnsmasq, PowerDNS, BIND, unbound and Knot, with the same zone.

    .venv/bin/python -m benchmarks.dns [--scenarios mix,large] [--contestants daprdockr,Knot] [--rounds 3] [--seconds 6]

All take turns, round by round and each round in another order, each turn with a new process (``dns_turn``). The server
has one core, dnsperf another. Prints tables with ratios and the goals; the exit status says only whether the measuring
went well.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.clock import BenchFailed
from benchmarks.converge import ignore_signals, say, stopped
from benchmarks.dns_check import is_answering
from benchmarks.dns_contestants import BIND, CONTESTANTS, DAPRDOCKR, Contestant, Setting, knot
from benchmarks.dns_facts import facts
from benchmarks.dns_load import Dnsperf
from benchmarks.dns_process import Server
from benchmarks.dns_questions import each
from benchmarks.dns_report import COMMON, COST, OWN, RATE, Result, Scenario, report
from benchmarks.dns_tracks import SCENARIOS, UPSTREAM_NAMES, Track, track
from benchmarks.dns_turn import Lane, Wrong
from benchmarks.dns_zone import upstream_records
from tests.build.ports import free_port

T = TypeVar("T")

ROUNDS = 3
SECONDS = 6.0
SEED = 4
TOOLS = ("dnsperf", "taskset", "setpriv", "knotd")
"""The programs that the benchmark itself needs; the last one is the upstream of the proxies."""


def order(scenario: Scenario, contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """The contestants in the order of their turns: in each round, numbered from 0, another one is the first."""
    first = number % len(contestants)
    those = [*contestants[first:], *contestants[:first]]
    return [contestant for contestant in those if scenario.instances or contestant.forwards]


def measure(lane: Lane, one: Track, contestant: Contestant, result: Result) -> None:
    """A turn, or nothing if it answered such questions wrong before."""
    name, scenario = contestant.name, one.scenario
    if result.is_wrong(scenario, name):
        return
    try:
        found = lane.turn(contestant, one, result.common.get(scenario.name, 0))
    except Wrong as wrong:
        result.add_wrong(scenario, name, str(wrong))
        say(f"    {scenario.name}: {name} answers wrong: {wrong}")
        return
    result.add(scenario, name, found)
    p99 = ", ".join(f"{what} {found[what] * 1e6:.0f} us" for what in (OWN[1], COMMON[1]) if what in found)
    say(f"    {scenario.name}: {found[RATE]:9,.0f}/s, {found[COST] * 1e6:6.2f} us of core each, {p99}  {name}")


@contextmanager
def upstream_on(core: int, directory: Path) -> Iterator[int]:
    """Run the upstream of the proxies, and yield its port. Cached names are not asked for, so it idles meanwhile."""
    setting = Setting(directory, free_port(), list(upstream_records(UPSTREAM_NAMES)))
    with Server(knot(setting), directory, core) as server:
        server.wait_ready(partial(is_answering, setting.port, next(each(setting.zone))))
        yield setting.port


def run(options: argparse.Namespace, result: Result) -> list[str]:
    """All rounds; the lines of facts that no table has."""
    load_core, server_core = sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-dns-")))
        places = {name: directory / name for name in ("upstream", "facts", *(s.name for s in options.scenarios))}
        for place in places.values():
            place.mkdir()
        say("writing the questions")
        tracks = [track(s, places[s.name], options.seconds, Random(SEED)) for s in options.scenarios]
        upstream = stack.enter_context(upstream_on(load_core, places["upstream"]))
        stack.callback(ignore_signals)
        lane = Lane(Dnsperf(load_core, directory / "dnsperf"), server_core, upstream, options.seconds)
        find_common(lane, tracks, options.contestants, result)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            for one in tracks:
                for contestant in order(one.scenario, options.contestants, number):
                    measure(lane, one, contestant, result)
        return facts_of(lane, tracks, options.contestants, places["facts"])


def find_common(lane: Lane, tracks: Sequence[Track], contestants: Sequence[Contestant], result: Result) -> None:
    """The rate at which all are asked: half the full rate of BIND, if it takes part."""
    for bind in (one for one in contestants if one.name == BIND):
        for one in tracks:
            try:
                rate = lane.full_rate(bind, one)
            except Wrong:  # reported when its turn comes
                continue
            result.common[one.scenario.name] = int(rate / 2)
            say(f"{one.scenario.title}: {BIND} answers {rate:,.0f}/s")


def facts_of(lane: Lane, tracks: Sequence[Track], contestants: Sequence[Contestant], directory: Path) -> list[str]:
    """Of the largest zone, if daprdockr takes part."""
    largest = max(tracks, key=lambda one: one.scenario.instances)
    ours = [one for one in contestants if one.name == DAPRDOCKR]
    return facts(lane, ours[0], largest, directory) if ours and largest.scenario.instances else []


def machine() -> str:
    """Where and when this was measured."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0))
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {cores} cores, Linux {platform.release()}, load {load}"


def missing(contestants: Sequence[Contestant]) -> str | None:
    """The reason why the benchmark cannot run, if there is one."""
    absent = [name for name in (*TOOLS, *(one.program for one in contestants)) if shutil.which(name) is None]
    if absent:
        return f"{', '.join(dict.fromkeys(absent))} not installed: run scripts/install-packages bench"
    if len(os.sched_getaffinity(0)) < 2:
        return "there is one core only, and the server needs it for itself"
    return None


def wishes(words: Sequence[str]) -> argparse.Namespace:
    scenarios = {scenario.name: scenario for scenario in SCENARIOS}
    contestants = {contestant.name.lower(): contestant for contestant in CONTESTANTS}
    parser = argparse.ArgumentParser(prog="bench-dns")
    for name, known in (("--scenarios", scenarios), ("--contestants", contestants)):
        every = tuple(known.values())
        choice = partial(chosen, known)
        parser.add_argument(name, type=choice, default=every, help=f"some of {','.join(known)}, by comma")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many; {ROUNDS}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of the full load; {SECONDS:g}")
    return parser.parse_args(words)


def chosen(known: Mapping[str, T], text: str) -> tuple[T, ...]:
    """:raises argparse.ArgumentTypeError: for a name that is not known."""
    try:
        return tuple(known[name] for name in text.lower().split(","))
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(f"{unknown} is none of {', '.join(known)}") from None


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, stopped)
    options, result = wishes(words), Result()
    if absent := missing(options.contestants):
        say(f"bench-dns: {absent}")
        return 1
    names = [contestant.name for contestant in options.contestants]
    say(machine())
    try:
        found = run(options, result)
    except BenchFailed as problem:
        say(f"\n{report(result, options.scenarios, names)}\nbench-dns: {problem}")
        return 1
    except KeyboardInterrupt:
        say("bench-dns: interrupted")
        return 130
    say("\n".join(["", report(result, options.scenarios, names), "", *found, "", machine()]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
