"""
How long a killed container of one service takes to run again while others are slow, kind by kind and all at once.

    .venv/bin/python -m tests.rig.engine run DIR -- .venv/bin/python -m benchmarks.slowness

The goal is that no kind adds more than a second. Prints a table; the exit status says only whether the
measuring went well.
"""

from __future__ import annotations

import statistics
import sys
import time

from tests.rig.docker_engine import sample_image
from tests.rig.etcd_members import EtcdMembers
from tests.rig.slowness import KINDS, Slowness

REPAIRS = 5
REST = 11.0
"""Seconds between two kills: a container that lived for ten of them is started again without a delay."""


def repairs(etcd: str, kinds: tuple[str, ...]) -> list[float]:
    """The seconds that each repair took, on an agent of its own."""
    with Slowness(etcd) as slow:
        slow.begin(*kinds)
        found = []
        for _ in range(REPAIRS):
            time.sleep(REST)
            found.append(slow.repair())
        return found


def main() -> int:
    sample_image()
    print(f"seconds until a killed container runs again: median of {REPAIRS} [least..most]")
    with EtcdMembers() as etcd:
        for title, kinds in (("nothing", ()), *((kind, (kind,)) for kind in KINDS), ("all at once", KINDS)):
            found = repairs(etcd.urls, kinds)
            print(f"{title:16}{statistics.median(found):6.2f} [{min(found):.2f}..{max(found):.2f}]", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
