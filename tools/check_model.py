"""
Check the models of the claim protocol and of rollouts, docs/model/*.pml, with spin.

    .venv/bin/python -m tools.check_model               every search, then every mutant
    .venv/bin/python -m tools.check_model NAME ...      only these: names as the first column prints them
    .venv/bin/python -m tools.check_model --trail NAME  a short way to a violation of NAME, step by step

A search of a model must go through all states without a violation, to the end; that of a mutant must find the violation
it is there for. ``tools.model_checks`` has both. Needs spin and gcc; writes to .model/ only. The exit status is 1 if
anything came out otherwise.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tools.model_checks import LAWS, MUTANTS, SEARCHES, Check

CHECKOUT = Path(__file__).resolve().parent.parent
SOURCES = CHECKOUT / "docs/model"
BUILD = CHECKOUT / ".model"

DEEPEST = 5_000_000
"""Steps of the longest run that is followed; a search that comes to it is not complete, and fails."""

TRAILS = range(24, 84, 4)
"""Lengths at which a short way to a violation is looked for."""


def place(check: Check) -> Path:
    """Return where the verifier of a check is built."""
    return BUILD / check.name


@dataclass(frozen=True)
class Outcome:
    """The result of a verifier. ``violated`` is a key of ``LAWS``, or empty; ``trouble`` says why it is no answer."""

    check: Check
    states: int
    depth: int
    seconds: float
    violated: str
    trouble: str

    @property
    def passed(self) -> bool:
        return not self.trouble and self.violated == self.check.law

    @property
    def verdict(self) -> str:
        if self.trouble:
            return self.trouble
        if self.passed:
            return f"found: {LAWS[self.violated]}" if self.violated else "no violation"
        found = LAWS.get(self.violated, "nothing")
        return f"VIOLATION: {found}" if not self.check.law else f"FOUND {found}, not: {LAWS[self.check.law]}"


def build(check: Check, *more: str) -> str:
    """Write and compile the verifier; the complaint of the first program that fails."""
    shutil.rmtree(place(check), ignore_errors=True)
    place(check).mkdir(parents=True)
    for source in (check.model, "symmetry.c"):
        shutil.copy(SOURCES / source, place(check))
    for command in (
        ["spin", *check.defines, "-a", check.model],
        ["gcc", *check.compiling, *more, *check.defines, "-o", "pan", "pan.c"],
    ):
        done = subprocess.run(command, cwd=place(check), capture_output=True, text=True)
        if done.returncode:
            return f"{command[0]} failed: {(done.stdout + done.stderr).strip()}"
    return ""


def search(check: Check) -> Outcome:
    trouble = build(check)
    if trouble:
        return Outcome(check, 0, 0, 0.0, "", trouble)
    began = time.monotonic()
    loops = ["-l"] if check.cycles else []
    done = subprocess.run(
        ["./pan", *loops, f"-m{DEEPEST}", "-n", "-w24"], cwd=place(check), capture_output=True, text=True
    )
    return judge(check, done.stdout + done.stderr, time.monotonic() - began)


def judge(check: Check, said: str, seconds: float) -> Outcome:
    """Read the verifier's report, which alone is reliable: its exit status is 0 in any case."""
    (place(check) / "report").write_text(said)
    violated = re.search(r"pan:1: (.*) \(at depth", said)
    law = next((part for part in LAWS if violated and part in violated[1]), violated[1] if violated else "")
    trouble = next((line for line in said.splitlines() if "too small" in line or "out of memory" in line), "")
    if not trouble and not re.search(r"errors: \d+$", said, re.MULTILINE):
        trouble = f"no answer: {said.strip()[-200:]}"
    return Outcome(
        check, number(r"(\d+) states, stored", said), number(r"depth reached (\d+)", said), seconds, law, trouble
    )


def number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    return int(found[1]) if found else 0


def show_trail(check: Check) -> int:
    """Look for a short way to a violation, with nodes that keep their numbers, and print its steps."""
    short = replace(check, name=f"{check.name}-trail", renames=False)
    trouble = build(short, "-DREACH")
    if trouble:
        print(trouble, file=sys.stderr)
        return 1
    for depth in TRAILS:
        subprocess.run(["./pan", f"-m{depth}", "-n"], cwd=place(short), capture_output=True)
        if (place(short) / f"{check.model}.trail").exists():
            return subprocess.run(["spin", *short.defines, "-t", "-T", check.model], cwd=place(short)).returncode
    print(f"no violation of {check.name} within {max(TRAILS)} steps", file=sys.stderr)
    return 1


def report(outcome: Outcome) -> None:
    check = outcome.check
    print(
        f"{check.name:<30} {check.bounds:<30} {outcome.states:>9} {outcome.depth:>7} {outcome.seconds:>6.1f} s"
        f"  {outcome.verdict}",
        flush=True,
    )


def run(checks: Sequence[Check]) -> int:
    """Search, two at a time and in order; 0 if all came out as they must."""
    print(f"{'':<30} {'bounds':<30} {'states':>9} {'depth':>7} {'time':>8}  verdict")
    began = time.monotonic()
    failed = []
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for outcome in pool.map(search, checks):
            report(outcome)
            if not outcome.passed:
                failed.append(outcome.check.name)
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - began:.0f} s")
    if failed:
        print(f"to see the steps: .venv/bin/python -m tools.check_model --trail {failed[0]}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    known = {check.name: check for check in (*SEARCHES, *MUTANTS)}
    parser = argparse.ArgumentParser(
        prog="tools.check_model", description="Check the models of the protocols with spin."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("--mutants", action="store_true", help="only the mutants")
    parser.add_argument("--trail", action="store_true", help="print a short way to a violation")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"there is no check {unknown[0]}")
    if given.trail and len(given.names) != 1:
        parser.error("--trail takes one name")
    missing = [program for program in ("spin", "gcc") if shutil.which(program) is None]
    if missing:
        print(f"{missing[0]} is not installed: run scripts/install-packages test", file=sys.stderr)
        return 1
    if given.trail:
        return show_trail(known[given.names[0]])
    if given.names:
        return run([known[name] for name in given.names])
    return run(MUTANTS if given.mutants else [*SEARCHES, *MUTANTS])


if __name__ == "__main__":
    sys.exit(main())
