"""
The law ``partition``: of a service whose definition says ``OnPartition: stop`` two containers of one instance never run
at the same time, on whichever hosts.

The law counts the time in which both ran for certain, see Note [When a container ran]. A definition counts for the
containers that were started while it stood in etcd; while it is not certain whether it did they are left out.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.chaos.evidence import Violation
from tests.chaos.evidence_runs import Run
from tests.chaos.evidence_wishes import Wishes


def partition(runs: Iterable[Run], wishes: Wishes) -> Iterator[Violation]:
    by_place: dict[object, list[Run]] = defaultdict(list)
    for run in runs:
        if wishes.must_stop(run.place, run.start):
            by_place[run.place].append(run)
    for place, own in by_place.items():
        for one, other in itertools.combinations(own, 2):
            if one.meets(other):
                both = min(one.sure, other.sure) - other.start
                text = f"{place} ran on {one.host} and on {other.host} at the same time, for {both:.2f} s at least"
                numbers = (other.opening.number, one.opening.number, *_ends(one), *_ends(other))
                yield Violation(other.start, "partition", text, numbers)


def _ends(run: Run) -> Iterator[int]:
    if run.death is not None:
        yield run.death.number
