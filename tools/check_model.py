"""
Check the models of the claim protocol and of rollouts, docs/model/*.pml, with spin.

    .venv/bin/python -m tools.check_model               every search, then every mutant
    .venv/bin/python -m tools.check_model NAME ...      only these: names as the first column prints them
    .venv/bin/python -m tools.check_model --trail NAME  a short way to a violation of NAME, step by step

A search must go through all states without a violation, to the end. A mutant is the model without one of its rules; a
violation of the law that the rule is there for must be found. Needs spin and gcc; writes to .model/ only. The exit
status is 1 if anything came out otherwise.
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

CHECKOUT = Path(__file__).resolve().parent.parent
SOURCES = CHECKOUT / "docs/model"
BUILD = CHECKOUT / ".model"

MEMORY_LIMIT = 6000
"""MiB for one search; two run side by side."""

DEEPEST = 5_000_000
"""Steps of the longest run that is followed; a search that comes to it is not complete, and fails."""

TRAILS = range(24, 84, 4)
"""Lengths at which a short way to a violation is looked for."""

LAWS = {
    "harmed[s]": "a claim turned from a copy that serves to one that is not proven",
    "slow[": "a container was stopped to which a node still led",
    "harmed[k]": "a healthy container was stopped for one that is not",
    "harmed[0]": "fewer instances were healthy than wanted",
    "!=i": "the dead kept a slot",
    "etcd[4]": "a container was replaced without a slot",
    "(v&64)&&": "a slot was freed that was meant for something newer",
    "violated (v&64)": "a person's change was undone",
    "(reverts==1)": "a rollout was reverted twice",
    "(etcd[s]&3)==i": "a write changed another's claim or slot",
    "(etcd[s]==0)": "a slot was left over",
    "etcd[2]": "it settled with an instance that does not run what is stored",
    "(v&3)==i": "a write changed another's claim",
    "(v&3)&&(v&128)": "a claim changed hands without its owner's wish",
    "in_touch[": "a container was stopped while frozen",
    "beaten[": "a healthy container was stopped without a cause of rule 2",
    "etcd[q]": "it settled with an instance that does not run once, healthy, where its claim says",
    "(found==1)": "two copies run with OnPartition stop",
    "violated found": "the last healthy copy was stopped",
    "non-progress": "it never settles",
}
"""The meaning of a violated assertion, by a part of the verifier's message; the first that fits."""


@dataclass(frozen=True)
class Check:
    """
    A search, or with ``law`` a mutant that must break it. ``faults`` None: as many as there are orders for.

    ``of`` is the model. ``renames`` says whether nodes and instances may change names, of which a search of ``claims``
    then keeps one order only.
    """

    name: str
    switches: tuple[str, ...] = ()
    nodes: int = 3
    instances: int = 1
    faults: int | None = 3
    lag: int = 2
    cycles: bool = False
    law: str = ""
    renames: bool = True
    of: str = "claims"

    @property
    def defines(self) -> list[str]:
        if self.of == "rollouts":
            return [f"-DFAULTS={self.faults}", *(f"-D{switch}" for switch in self.switches)]
        found = [f"-DNODES={self.nodes}", f"-DINSTANCES={self.instances}", f"-DLAG={self.lag}"]
        if self.faults is not None:
            found.append(f"-DFAULTS={self.faults}")
        if self.renames and not self.law:
            found.append("-DSYMMETRY")
        return [*found, *(f"-D{switch}" for switch in self.switches)]

    @property
    def bounds(self) -> str:
        if self.of == "rollouts":
            return f"2 nodes, 2 inst., {self.faults} faults"
        faults = "any" if self.faults is None else str(self.faults)
        return f"{self.nodes} nodes, {self.instances} inst., {faults} faults"

    @property
    def place(self) -> Path:
        return BUILD / self.name

    @property
    def model(self) -> str:
        return f"{self.of}.pml"

    @property
    def compiling(self) -> list[str]:
        """
        All state is shared, so partial order reduction finds nothing. A state has 100 to 150 bytes: stored as it is it
        takes less memory, and less than two thirds of the time, than with COLLAPSE. Optimization beyond -O1 costs more
        than it saves, and of a mutant all of it does.
        """
        found = ["-w", "-DNP" if self.cycles else "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", f"-DMEMLIM={MEMORY_LIMIT}"]
        return [*found, "-O0" if self.law else "-O1"]


SEARCHES = [
    Check("keep", faults=4),
    Check("keep-two-instances", instances=2, faults=2),
    Check("keep-any-faults", nodes=2, faults=None),
    Check("keep-settles", cycles=True),
    Check("keep-settles-two-instances", instances=2, faults=1, cycles=True),
    Check("stop", ("ON_PARTITION_STOP",), faults=6),
    Check("stop-two-instances", ("ON_PARTITION_STOP",), instances=2, faults=3),
    Check("stop-any-faults", ("ON_PARTITION_STOP",), nodes=2, faults=None),
    Check("stop-settles", ("ON_PARTITION_STOP",), cycles=True),
    Check("last-copy", ("NO_DEATHS",), faults=4),
    Check("last-copy-any-faults", ("NO_DEATHS",), nodes=2, faults=None),
    Check("rollout", of="rollouts", faults=1),
    Check("rollout-two-slots", ("PARALLELISM=2",), of="rollouts", faults=1),
    Check("rollout-bad", ("BAD=2",), of="rollouts", faults=1),
    Check("rollout-superseded", ("CHANGES=2",), of="rollouts", faults=1),
    Check("rollout-stop-first", ("STOP_FIRST",), of="rollouts", faults=1),
    Check("rollout-bad-superseded", ("BAD=2", "CHANGES=2"), of="rollouts", faults=1),
    Check("rollout-bad-stop-first", ("STOP_FIRST", "BAD=2"), of="rollouts", faults=1),
]


def mutant(name: str, law: str, *switches: str) -> Check:
    return Check(name, (*switches, name.upper().replace("-", "_")), law=law)


def rollout_mutant(name: str, law: str, *switches: str, faults: int = 1) -> Check:
    return replace(mutant(name, law, *switches), of="rollouts", faults=faults)


MUTANTS = [
    mutant("no-fence", "(v&3)==i"),
    mutant("no-lease-compared", "(v&3)==i"),
    mutant("move-over-any-claim", "(v&3)&&(v&128)"),
    mutant("stops-on-absence", "beaten["),
    mutant("stops-when-taken", "beaten["),
    mutant("stops-while-frozen", "in_touch["),
    mutant("believes-any-etcd", "beaten["),
    mutant("trusts-view-after-lost-answer", "beaten["),
    mutant("tells-while-stopping", "violated found", "NO_DEATHS"),
    mutant("keeps-surplus", "etcd[q]"),
    mutant("never-withdraws", "etcd[q]"),
    mutant("no-guard", "(found==1)", "ON_PARTITION_STOP"),
    mutant("agent-starts", "(found==1)", "ON_PARTITION_STOP"),
    mutant("starts-any-time", "(found==1)", "ON_PARTITION_STOP"),
    mutant("start-first", "(found==1)", "ON_PARTITION_STOP"),
    mutant("ends-while-certain", "(found==1)", "ON_PARTITION_STOP"),
    rollout_mutant("no-slot", "etcd[4]", faults=0),
    rollout_mutant("takes-taken-slot", "etcd[4]"),
    rollout_mutant("slot-without-lease", "!=i"),
    rollout_mutant("no-slot-compared", "(v&64)&&", "CHANGES=2"),
    rollout_mutant("stops-what-leads", "slow[", "STOP_FIRST", faults=0),
    rollout_mutant("stops-unseen", "slow[", faults=0),
    rollout_mutant("stops-unanswered", "harmed[s]", "CHANGES=2"),
    rollout_mutant("claims-unproven", "harmed[s]", "BAD=2", faults=0),
    rollout_mutant("forgets-what-served", "harmed[s]", "BAD=2"),
    rollout_mutant("reverts-a-revert", "(reverts==1)", "STOP_FIRST", "BAD=2"),
    rollout_mutant("no-definition-compared", "violated (v&64)", "BAD=2", "CHANGES=2"),
]


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
    shutil.rmtree(check.place, ignore_errors=True)
    check.place.mkdir(parents=True)
    for source in (check.model, "symmetry.c"):
        shutil.copy(SOURCES / source, check.place)
    for command in (
        ["spin", *check.defines, "-a", check.model],
        ["gcc", *check.compiling, *more, *check.defines, "-o", "pan", "pan.c"],
    ):
        done = subprocess.run(command, cwd=check.place, capture_output=True, text=True)
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
        ["./pan", *loops, f"-m{DEEPEST}", "-n", "-w24"], cwd=check.place, capture_output=True, text=True
    )
    return judge(check, done.stdout + done.stderr, time.monotonic() - began)


def judge(check: Check, said: str, seconds: float) -> Outcome:
    """Read the verifier's report, which alone is reliable: its exit status is 0 in any case."""
    (check.place / "report").write_text(said)
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
        subprocess.run(["./pan", f"-m{depth}", "-n"], cwd=short.place, capture_output=True)
        if (short.place / f"{check.model}.trail").exists():
            return subprocess.run(["spin", *short.defines, "-t", "-T", check.model], cwd=short.place).returncode
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
