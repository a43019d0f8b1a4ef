"""
Run the stages of the tests, all in order or the named ones, and count.

    .venv/bin/python -m tools.run_tests [lint] [types] [unit] [properties] [coverage] [functional] [packaging] [demo]
                                        [model] [cluster] [chaos]
    .venv/bin/python -m tools.run_tests check

``check`` is for each commit, within a minute and a half: lint, types and the unit tests in two processes.
The first command that fails ends the run with its exit status. The last line is ``N passed, N failed``, with
``, N skipped`` if tests were skipped: each test that trial ran, and each other command (a linter, the type checker, the
demo, the model, the faults) as one.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHON = ".venv/bin/python"
TYPED = ["setup.py", "benchmarks", "daprdockr", "tests", "tools"]
FAULTS, SEED = 10, 139
"""A short run of the fault suite, the same each time; ``make chaos`` makes a long one."""
WITH_ENGINE = [PYTHON, "-m", "tests.rig.engine", "run", ".test/engine", "--"]


@dataclass(frozen=True)
class Step:
    """One command of a stage; ``trial`` says that it is a test run whose summary counts its tests."""

    stage: str
    title: str
    command: list[str]
    trial: bool = False


@dataclass(frozen=True)
class Count:
    """How tests ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def trial(stage: str, tests: list[str], *options: str) -> list[str]:
    return [PYTHON, "-m", "twisted.trial", "--temp-directory", f".test/trial-{stage}", *options, *tests]


def covered(command: list[str]) -> list[str]:
    """The same command of Python, watched by coverage."""
    return [command[0], "-m", "coverage", "run", *command[1:]]


def check() -> list[Step]:
    """The steps that are worth a minute before each commit."""
    unit = trial("check", ["tests.unit", "tests.tools"], "--reporter=text", "-j2")
    return [*(step for step in steps() if step.stage in ("lint", "types")), Step("check", "unit tests", unit, True)]


def steps() -> list[Step]:
    """All steps in the order in which a mistake is cheapest to find."""
    found = sorted(path.stem for path in (CHECKOUT / "tests/functional").glob("test_*.py"))
    modules = [f"tests.functional.{name}" for name in found if name != "test_packaging"]
    several_hosts = [name for name in modules if ".test_cluster_" in name]
    real_parts = [name for name in modules if name not in several_hosts]
    return [
        Step("lint", "rules (ruff check)", [PYTHON, "-m", "ruff", "check", "."]),
        Step("lint", "format (ruff format)", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Step("types", "types (mypy --strict)", [PYTHON, "-m", "mypy", *TYPED]),
        Step("unit", "unit tests", covered(trial("unit", ["tests.unit", "tests.tools"], "--reporter=text")), True),
        Step(
            "coverage",
            "lines and branches that the unit tests reach",
            [PYTHON, "-m", "coverage", "report", "--skip-covered"],
        ),
        Step("properties", "laws on drawn inputs", trial("properties", ["tests.properties"], "--reporter=text"), True),
        Step(
            "functional",
            "functional tests: a real etcd, Docker Engine and nginx",
            WITH_ENGINE + trial("functional", real_parts, "--reporter=bwverbose"),
            True,
        ),
        Step(
            "packaging",
            "packaging tests: wheel, source and editable installations (a minute or two)",
            trial("packaging", ["tests.functional.test_packaging"], "--reporter=bwverbose"),
            True,
        ),
        Step("demo", "the demo (make demo ONCE=1)", ["make", "--no-print-directory", "demo", "ONCE=1"]),
        Step(
            "model",
            "the models of claims and rollouts, searched by spin (five minutes)",
            [PYTHON, "-m", "tools.check_model"],
        ),
        Step(
            "cluster",
            "tests on a cluster of three hosts (ten minutes)",
            trial("cluster", several_hosts, "--reporter=bwverbose"),
            True,
        ),
        Step(
            "chaos",
            f"{FAULTS} random faults on a cluster of five hosts (some minutes)",
            [PYTHON, "-m", "tests.chaos", "--seed", str(SEED), "--faults", str(FAULTS)],
        ),
    ]


def run(command: list[str]) -> tuple[int, str]:
    """Run a command, its output shown as it comes; its exit status (128 plus a signal's number) and output."""
    output = bytearray()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        try:
            while chunk := os.read(child.stdout.fileno(), 65536):
                output += chunk
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
        except SystemExit:  # ended by a signal: the command gets one too, and the time to tidy up
            child.terminate()
            raise
        status = child.wait()
    return (status if status >= 0 else 128 - status), output.decode(errors="replace")


def counted(output: str) -> Count:
    """The counts in trial's summary: ``FAILED (skips=1, failures=2, errors=1, successes=40)``."""
    summaries = re.findall(r"^(?:PASSED|FAILED) \((.*)\)$", output, re.MULTILINE)
    number = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", summaries[-1] if summaries else "")}
    return Count(
        passed=number.get("successes", 0) + number.get("expectedFailures", 0),
        failed=number.get("failures", 0) + number.get("errors", 0) + number.get("unexpectedSuccesses", 0),
        skipped=number.get("skips", 0),
    )


def outcome(step: Step, status: int, output: str) -> Count:
    """The count of one step; whatever fails without a failed test to show for it counts as one."""
    count = counted(output) if step.trial else Count(passed=int(status == 0))
    if status == 0 and count != Count():
        return count
    return count + Count(failed=int(count.failed == 0))


def run_stages(wanted: list[str]) -> int:
    total = Count()
    chosen = check() if wanted == ["check"] else [step for step in steps() if step.stage in wanted]
    for position, step in enumerate(chosen, 1):
        print(f"\n== {step.title}", flush=True)
        began = time.monotonic()
        status, output = run(step.command)
        count = outcome(step, status, output)
        total += count
        print(f"-- {step.title}: {count} ({time.monotonic() - began:.0f} s)", flush=True)
        if status or count.failed:
            left_out = [later.title for later in chosen[position:]]
            print(f"\nstopped here; not run: {', '.join(left_out) or 'nothing'}")
            print(total)
            return status or 1
    print(f"\n{total}")
    return 0


def stopped(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    stages = list(dict.fromkeys(step.stage for step in steps()))
    parser = argparse.ArgumentParser(prog="tools.run_tests", description="Run the stages of the tests, and count.")
    parser.add_argument("stage", nargs="*", help=f"{', '.join(stages)}; all without any; or check, alone")
    wanted = parser.parse_args().stage
    if wanted != ["check"] and (unknown := [stage for stage in wanted if stage not in stages]):
        parser.error(f"there is no stage {unknown[0]}: choose from {', '.join(stages)}")
    signal.signal(signal.SIGTERM, stopped)
    try:
        return run_stages(wanted or stages)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
