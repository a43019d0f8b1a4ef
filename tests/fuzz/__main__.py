"""``python -m tests.fuzz --seed 7 --values 100000``: fuzz, print the figures; fails if anything was found."""

from __future__ import annotations

import resource
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from random import SystemRandom
from time import monotonic

from tests.fuzz.run import Fuzz

GROWTH = 100
"""Megabytes by which memory may grow, whatever is written: the agent's, and that of the etcd beside it."""


def peak() -> float:
    """Megabytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def say(line: str) -> None:
    print(line, flush=True)


def main(words: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.fuzz", description="random values for all that an agent reads")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="the same gives the same run")
    parser.add_argument("--values", type=int, default=100_000)
    wanted = parser.parse_args(words)
    say(f"seed {wanted.seed}, {wanted.values} values")
    since, before = monotonic(), peak()
    fuzz = Fuzz(wanted.seed, say)
    fuzz.run(wanted.values)
    kinds = ", ".join(f"{count} {kind}s" for kind, count in sorted(fuzz.tried.items()))
    memory = f"{before:.0f} MB of memory before, {peak():.0f} MB at most"
    say(f"seed {wanted.seed}: {kinds}; {len(fuzz.found)} faults; {monotonic() - since:.0f} s; {memory}")
    grew = peak() - before
    if grew > GROWTH:
        say(f"seed {wanted.seed}: memory grew by {grew:.0f} MB, more than {GROWTH}")
    return 1 if fuzz.found or grew > GROWTH else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
