"""
Faults drawn by a seed on a cluster under load, and then a judgement of everything that was seen.

    .venv/bin/python -m tests.chaos [--seed N] [--faults N] [--hosts N] [--kinds NAMES] [--history FILE]
                                    [--report FILE]
    .venv/bin/python -m tests.chaos --judge FILE

As root. The exit status is 1 if a law was broken, and 2 if the suite itself could not do what it has to.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.checker import check
from tests.chaos.history import History, Line, read
from tests.chaos.kinds import KINDS
from tests.chaos.run import Run, Settings
from tests.chaos.scene import SuiteFailed
from tests.chaos.table import LEGEND, table
from tests.chaos.tally import tally
from tests.rig.cluster.cluster import MEMBERS, missing

KEPT = Path(".test/chaos")
SEEDS = 10**6
START, FAULT = 300, 240
"""Seconds that a run may take, and so many for each fault: far more than it does, but not without an end."""


def say(line: str = "") -> None:
    print(line, flush=True)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Random faults on a cluster under load, judged.")
    parser.add_argument("--seed", type=int, metavar="N", help="the same faults for the same N (default: drawn)")
    parser.add_argument("--faults", type=int, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--hosts", type=int, default=5, metavar="N", help="4 to 9 (default 5)")
    parser.add_argument("--history", type=Path, metavar="FILE", help=f"default: {KEPT}/SEED.jsonl")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--no-stop-service", action="store_true", help="have no service with OnPartition: stop")
    parser.add_argument("--kinds", default="", metavar="NAMES", help="only faults of these kinds, separated by ;")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="judge this history again, and start nothing")
    found = parser.parse_args(words)
    if not MEMBERS < found.hosts <= 9:
        parser.error(f"--hosts must be from {MEMBERS + 1} to 9")
    found.kinds = tuple(filter(None, found.kinds.split(";")))
    if unknown := set(found.kinds) - {kind.name for kind in KINDS}:
        parser.error(f"no kind of faults is called {min(unknown)}: {'; '.join(kind.name for kind in KINDS)}")
    if found.seed is None:
        found.seed = random.randrange(SEEDS)
    if found.history is None:
        found.history = KEPT / f"{found.seed}.jsonl"
    if not found.judge and (reason := missing()):
        parser.error(reason)
    return found


def circumstances(start: Line) -> str:
    """When, where and with what seed this was found."""
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(start.data["wall"]))
    return f"{began}, {start.data['machine']}, seed {start.data['seed']}"


def judge(path: Path, report: Path | None) -> int:
    """Print the table and every law that was broken; the exit status."""
    lines = list(read(path))
    start = next(line for line in lines if line.what == "start")
    violations = check(lines)
    verdict = f"{len(violations)} violations" if violations else "no law was broken"
    told = f"{LEGEND}\n{table(tally(lines))}\n\n{circumstances(start)}: {verdict}"
    say(f"\n{told}")
    if report is not None:
        report.write_text(told + "\n", encoding="utf-8")
    for violation in violations:
        say(f"{violation.law}, {violation.at:.3f} s: {violation.text} ({path}:{','.join(map(str, violation.lines))})")
    return int(bool(violations))


def run(settings: Settings, path: Path) -> None:
    """Have the history of a run; as much of it as there is when the suite fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    history = History(path)
    signal.alarm(START + FAULT * settings.faults)
    try:
        Run(settings, history, path.with_suffix(".logs"), say).carry_out()
    finally:
        history.close()


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def too_long(number: int, frame: object) -> None:
    raise SuiteFailed("the run hangs")


def main(words: Sequence[str]) -> int:
    wanted = arguments(words)
    if wanted.judge:
        return judge(wanted.judge, wanted.report)
    stopped = not wanted.no_stop_service
    settings = Settings(wanted.seed, wanted.faults, wanted.hosts, stopped=stopped, kinds=wanted.kinds)
    say(f"seed {settings.seed}, {settings.faults} faults, history in {wanted.history}")
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGALRM, too_long)
    try:
        run(settings, wanted.history)
    except KeyboardInterrupt:
        say("chaos: interrupted")
        return 130
    except Exception:  # docker-py raises what it likes, and a test cluster AssertionError
        say(f"{traceback.format_exc()}\nchaos: seed {settings.seed}: the suite failed")
        return 2
    return judge(wanted.history, wanted.report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
