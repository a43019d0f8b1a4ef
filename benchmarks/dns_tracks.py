"""
The scenarios of ``benchmarks.dns`` made ready: for each the records, the right answers and the files of questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from attrs import frozen

from benchmarks.dns_questions import Known, Question, absent, forwarded, mix
from benchmarks.dns_report import Scenario
from benchmarks.dns_zone import Owned, bench_zone, records, running, upstream_records

SCENARIOS = (
    Scenario("mix", "1,000 instances", 1000),
    Scenario("large", "10,000 instances", 10_000),
    Scenario("unique", "1,000 instances, NXDOMAIN only, no name twice", 1000, unique=True),
    Scenario("cached", "1,000 names of an upstream, cached"),
)
QUESTIONS = 100_000
"""In a file that dnsperf reads again and again."""
CHECKED = 300
FASTEST = 300_000
"""Answers per second for which there are questions enough that none is asked twice."""
UPSTREAM_NAMES = 1000


@frozen
class Files:
    """The files that dnsperf reads in each part of a turn; one and the same file where names may come again."""

    warm: Path
    full: Path
    own: Path
    common: Path


@frozen
class Track:
    """
    A scenario made ready.

    :ivar sample: questions that everybody has to answer right before he is timed.
    :ivar most: so many may be asked at full load; 0 where names may come again.
    """

    scenario: Scenario
    sets: Sequence[Owned]
    known: Known
    sample: Sequence[Question]
    files: Files
    most: int = 0


def track(scenario: Scenario, directory: Path, seconds: float, random: Random) -> Track:
    """
    Write the files of questions into ``directory``.

    :param seconds: those of the full load; the two others take half as long, at half the rate at most.
    """
    sets = list(records(bench_zone(scenario.instances)) if scenario.instances else upstream_records(UPSTREAM_NAMES))
    questions = _questions(scenario, sets, random)
    sample = list(islice(questions, CHECKED))
    if scenario.unique:
        most = int(FASTEST * seconds)
        counts = {"warm": FASTEST, "full": most, "own": most // 4, "common": most // 4}
        files = Files(**{part: write(directory / part, islice(questions, count)) for part, count in counts.items()})
    else:
        most, file = 0, write(directory / "all", islice(questions, QUESTIONS))
        files = Files(file, file, file, file)
    return Track(scenario, sets, Known.of(sets), sample, files, most)


def _questions(scenario: Scenario, sets: Sequence[Owned], random: Random) -> Iterator[Question]:
    """As many as anybody wants."""
    if not scenario.instances:
        return forwarded(sets, random)
    runnings = list(running(scenario.instances))
    return absent(runnings) if scenario.unique else mix(runnings, random)


def write(path: Path, questions: Iterable[Question]) -> Path:
    """The questions as dnsperf reads them."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(question.line for question in questions)
    return path
