"""
Jobs on five hosts while nodes are killed, etcd is away for a minute and a clock jumps; then each due time is judged.

    .venv/bin/python -m tests.chaos.jobs [--jobs N] [--kills N] [--seed N]

It needs root. Twenty kills take a quarter of an hour. The exit status is 1 if a law of ``job_laws`` was broken.

Note [Witnesses of runs]
    The container of a run writes into a file that all hosts share when it begins, and when it ends. So what was begun,
    and how often, is known from the containers themselves, whatever became of their host, its Engine and its agent.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from tests.chaos.history import History
from tests.chaos.job_laws import MINUTE, JobFacts, breaches
from tests.chaos.scene import Scene
from tests.rig.cluster.cluster import Cluster
from tests.rig.cluster.host import AGENT, Host, Wishes
from tests.rig.docker_engine import SAMPLE
from tests.rig.wall_clock import Clock

KEPT = Path(".test/chaos")
HOSTS, TTL, WINDOW = 5, 5, 45
HOUR = timedelta(hours=1)
OPTIONS = ("--allow", "binds")
BRIEFLY, FOR_LONG = (3.0, 12.0), (32.0, 38.0)
"""Seconds for which a node is away: an agent that is back within 30 finds its runs its own."""

RARELY = 0.25
"""The share of the kills after which a node is away for long."""

BETWEEN = 4.0
"""Seconds from the return of a node to the next kill, in which runs begin everywhere."""

SAYS = 'echo "{word} $DAPRDOCKR_INSTANCE" >> /witness/runs'
PROGRAM = f"{SAYS.format(word='began')}; sleep $(($(date +%s) % 20 + 2)); {SAYS.format(word='ended')}"


@frozen
class JobsSettings:
    """How many ``jobs`` are due each minute, and how many ``kills`` there are, drawn by ``seed``."""

    jobs: int
    kills: int
    seed: int


class JobsRun:
    """The hosts 1 to 4 are killed; the clock of the last one jumps."""

    def __init__(self, settings: JobsSettings, history: History) -> None:
        self._settings = settings
        self._chance = random.Random(settings.seed)
        self._cluster = Cluster(HOSTS, TTL, OPTIONS)
        self._begun = self._cluster.home.path / "witness" / "runs"
        self._clock = Clock(self._cluster.home.path / "clock")
        self._scene = Scene(self._cluster, {}, history)

    def carry_out(self) -> tuple[JobFacts, float]:
        """Return the facts, and when they were read, in seconds since the epoch."""
        try:
            self._begun.parent.mkdir()
            self._cluster.open()
            self._start_clocked()
            self._set_jobs()
            self._cluster.until(self._begun.is_file, "a run begins", 2 * MINUTE)
            self._suffer()
            self._cluster.until_well()
            self._scene.pause(1.5 * MINUTE + WINDOW)
            return self._facts(), time.time()
        finally:
            self._cluster.close()

    def _start_clocked(self) -> None:
        """The agent of the last host gets a clock that can be set."""
        host = self._cluster.hosts[-1]
        host.end(AGENT)
        host.start_agent(Wishes(self._cluster.etcd.urls, TTL, OPTIONS, self._clock.environment))
        self._cluster.until_well()

    def _set_jobs(self) -> None:
        container = {
            "Image": SAMPLE,
            "Entrypoint": ["sh", "-c"],
            "Cmd": [PROGRAM],
            "Binds": [f"{self._begun.parent}:/witness"],
        }
        schedule = {"Cron": "* * * * *", "Window": WINDOW}
        for number in range(self._settings.jobs):
            job = {"Name": f"j{number}", "Group": "jobs", "Container": container, "Schedule": schedule}
            self._cluster.command("-stdin", stdin=json.dumps(job))

    def _suffer(self) -> None:
        kills = self._settings.kills
        outage, jumps = kills // 2, dict(self._jumps(kills))
        for number in range(kills):
            if number in jumps:
                print(f"{'':3} the clock of host{HOSTS} is off by {jumps[number].total_seconds():+.0f} s", flush=True)
                self._clock.ahead(jumps[number])
            if number == outage:
                self._without_etcd()
            self._kill(number + 1)
        self._clock.ahead(timedelta())

    def _jumps(self, kills: int) -> Iterator[tuple[int, timedelta]]:
        """An hour forward, and right again, then an hour back, and right again: each for less than ten minutes."""
        places = sorted(self._chance.sample(range(kills), 2))
        for place, off in zip(places, (HOUR, -HOUR), strict=True):
            yield place, off
            yield place + max(1, min(kills // 8, places[1] - places[0])), timedelta()

    def _kill(self, number: int) -> None:
        host, power = self._cluster.host(self._chance.randint(1, HOSTS - 1)), self._chance.random() < 0.5
        away = self._chance.uniform(*(FOR_LONG if self._chance.random() < RARELY else BRIEFLY))
        print(f"{number:3} {host.name} loses {'its power' if power else 'its agent'} for {away:.0f} s", flush=True)
        self._scene.harm(host, "power cut" if power else "agent killed")
        self._harm(host, power)
        self._scene.pause(away)
        self._scene.healed(host)
        if power:
            self._scene.boot(host)
        else:
            self._scene.start_agent(host)
        self._scene.pause(BETWEEN)

    def _harm(self, host: Host, power: bool) -> None:
        if power:
            host.cut_power()
        else:
            host.kill(AGENT)

    def _without_etcd(self) -> None:
        print("    etcd is away for a minute", flush=True)
        self._cluster.etcd.freeze_all()
        self._scene.pause(MINUTE)
        self._cluster.etcd.thaw_all()

    def _facts(self) -> JobFacts:
        lines = self._begun.read_text("utf-8")
        stored = {key: json.loads(value) for key, value in self._cluster.stored("runs/").items()}
        return JobFacts.read(lines, stored, WINDOW)


def main(words: Sequence[str]) -> int:
    """Run once, and print what was found."""
    parser = argparse.ArgumentParser(prog="chaos.jobs", description="jobs under faults, judged")
    for name, default in (("jobs", 20), ("kills", 20), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(words)
    KEPT.mkdir(parents=True, exist_ok=True)
    with closing(History(KEPT / f"jobs-{given.seed}.jsonl")) as history:
        facts, end = JobsRun(JobsSettings(given.jobs, given.kills, given.seed), history).carry_out()
    found = list(breaches(facts, end))
    told = {job: dict(records) for job, records in facts.records.items()}
    (KEPT / f"jobs-{given.seed}.json").write_text(json.dumps({"began": facts.began, "records": told}, indent=1))
    print(f"seed {given.seed}: {facts.began.total()} runs begun, {given.kills} nodes killed, states: {facts.states}")
    print("\n".join(found) or "each due time was settled once")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
