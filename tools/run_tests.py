"""
Run the stages of the tests, all in order or the named ones, and count.

    .venv/bin/python -m tools.run_tests [lint] [types] [unit] [properties] [coverage] [functional] [packaging] [demo]
                                        [model] [oldest] [cluster] [chaos]
    .venv/bin/python -m tools.run_tests check

``check`` is for each commit, within a minute and a half: lint, types and the unit tests in two processes.
Steps of several lanes run side by side (``tools.stages``); the output of those beside the main lane is shown when they
have ended.

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
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tools.stages import CHECKOUT, Step, check, steps


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


class Children:
    """The commands that run now."""

    def __init__(self) -> None:
        self.running: set[subprocess.Popen[bytes]] = set()
        self.are_stopped = False

    def run(self, command: list[str], is_shown: bool) -> tuple[int, str]:
        """Run a command, and show its output as it comes, or not; its exit status and output."""
        output = bytearray()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as child:
            self.running.add(child)
            if self.are_stopped:
                child.terminate()
            assert child.stdout is not None
            while chunk := os.read(child.stdout.fileno(), 65536):
                output += chunk
                if is_shown:
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
            status = child.wait()
            self.running.discard(child)
        return (status if status >= 0 else 128 - status), output.decode(errors="replace")

    def stop(self) -> None:
        """End each command by SIGTERM, and give it the time to tidy up."""
        self.are_stopped = True
        for child in list(self.running):
            child.terminate()


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    step: Step
    status: int
    output: str
    seconds: float

    @property
    def count(self) -> Count:
        return outcome(self.step, self.status, self.output)

    @property
    def has_failed(self) -> bool:
        return self.status != 0 or self.count.failed != 0

    def __str__(self) -> str:
        return f"-- {self.step.title}: {self.count} ({self.seconds:.0f} s)"


def run_step(children: Children, step: Step) -> Result:
    began = time.monotonic()
    status, output = children.run(step.command, is_shown=not step.lane)
    return Result(step, status, output, time.monotonic() - began)


class Lanes:
    """The lanes beside the main one, and the steps in them whose results were not yet given."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._waiting: list[tuple[str, Future[Result]]] = []

    def add(self, step: Step) -> None:
        thread = self._threads.setdefault(step.lane, ThreadPoolExecutor(1))
        self._waiting.append((step.lane, thread.submit(run_step, self._children, step)))

    def ended(self, *lanes: str) -> Iterator[Result]:
        """The results of the steps that have ended, and of all in the named lanes when they have."""
        for lane, future in list(self._waiting):
            if future.done() or lane in lanes:
                self._waiting.remove((lane, future))
                yield shown(future.result())

    def all_ended(self) -> Iterator[Result]:
        yield from self.ended(*self._threads)

    def close(self) -> None:
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)


def results(children: Children, steps: list[Step], lanes: Lanes) -> Iterator[Result]:
    """The result of each step when it has ended; ends early if it is not asked for the next one."""
    for step in steps:
        if step.lane:
            lanes.add(step)
            continue
        yield from lanes.ended(step.after)
        print(f"\n== {step.title}", flush=True)
        yield run_step(children, step)
    yield from lanes.all_ended()


def shown(result: Result) -> Result:
    """Show the output of a step that ran beside others."""
    print(f"\n== {result.step.title}\n{result.output}", flush=True)
    return result


def run_stages(wanted: list[str]) -> int:
    chosen = check() if wanted == ["check"] else [step for step in steps() if step.stage in wanted]
    left = list(chosen)
    total, children = Count(), Children()
    lanes = Lanes(children)
    try:
        for result in results(children, chosen, lanes):
            print(result, flush=True)
            total += result.count
            left.remove(result.step)
            if result.has_failed:
                not_run = ", ".join(step.title for step in left) or "nothing"
                print(f"\nstopped here; not run to their end: {not_run}\n{total}")
                return result.status or 1
    finally:
        children.stop()
        lanes.close()
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
