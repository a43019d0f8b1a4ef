"""
The costs of a large zone for daprdockr beside questions: memory, and the time until a change is in the answers.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from attrs import evolve

from benchmarks.clock import BenchFailed, wait_until
from benchmarks.dns_check import first_mistake
from benchmarks.dns_contestants import Contestant
from benchmarks.dns_process import Server
from benchmarks.dns_questions import Known, Question, each
from benchmarks.dns_report import Scenario
from benchmarks.dns_server import PUBLISHED
from benchmarks.dns_tracks import Track, track, write
from benchmarks.dns_turn import Lane
from benchmarks.dns_zone import INSTANCES_OF_SERVICE, bench_zone, records, running
from benchmarks.figures import Spread

CHANGES = 100
LEAST = Scenario("least", "one service", INSTANCES_OF_SERVICE)
MEGABYTE = 1e6


def facts(lane: Lane, contestant: Contestant, one: Track, directory: Path) -> list[str]:
    """
    Lines that tell of one track.

    :param directory: empty, for files of questions.
    :raises BenchFailed: when it does not answer from what was published last.
    """
    least = track(LEAST, directory, 0, Random())
    with lane.serving(contestant, least) as (server, _):
        empty = server.resident()
    questions = list(each(one.sets))
    file = write(directory / "each", questions)
    with lane.serving(contestant, one) as (server, port):
        zone = server.resident()
        lane.dnsperf.once(port, file)
        finished = server.resident()
        took = published(server, port)
    zone_of = f"{one.scenario.instances:,} instances"
    return [
        f"{zone_of}, memory: the zone takes {(zone - empty) / MEGABYTE:.1f} MB, the answers to each of its"
        f" {len(questions):,} names {(finished - zone) / MEGABYTE:.1f} MB more",
        f"{zone_of}, one of them fails or is well again: in the next answer after"
        f" {Spread.of(seconds * 1e3 for seconds in took)} ms (median of {len(took)})",
    ]


def published(server: Server, port: int) -> Sequence[float]:
    """The seconds that each change took, which is seen in the next answer."""
    for number in range(CHANGES):
        server.signal(signal.SIGUSR1)
        wait_until(partial(_has_published, server, number + 1), "a change that was asked for")
        stale = first_mistake(port, *_after_change(healthy=number % 2 == 1))
        if stale is not None:
            raise BenchFailed(f"after a change: {stale}")
    return [float(line.split()[1]) for line in server.said().splitlines() if line.startswith(PUBLISHED)]


def _has_published(server: Server, times: int) -> bool:
    return server.said().count(PUBLISHED) == times


def _after_change(healthy: bool) -> tuple[list[Question], Known]:
    """The names of the first service, which ``dns_server`` changes, and what is right for them."""
    first, *others = islice(running(INSTANCES_OF_SERVICE), INSTANCES_OF_SERVICE)
    before = bench_zone(INSTANCES_OF_SERVICE)
    service = first.instance.service
    after = before.replace(service, [evolve(first, healthy=healthy), *others])
    questions = [question for question in each(records(before)) if str(service) in question.name]
    return questions, Known.of(records(after))
