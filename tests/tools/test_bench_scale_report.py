"""The table and the verdicts of ``make bench-scale``."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.scale_report import (
    IDLE,
    LOSS,
    LOST_INSTANCES,
    LOST_WELL,
    PLACE,
    REGISTERED,
    WELL,
    Part,
    Run,
    compared,
    report,
    verdicts,
)
from benchmarks.scale_store import BEAT, LOST, OTHER, READ, TAKE, TELL


def run_of(parts: Mapping[str, Part] | None = None, agents: int = 100) -> Run:
    return Run(agents=agents, pace=1.0, ttl=6, members=3, parts=dict(parts or {}))


class PartTests(SynchronousTestCase):
    """The figures that are derived from one part."""

    def test_attempts(self) -> None:
        """Every claim that was tried counts, for each that was made."""
        self.assertEqual(1.5, Part(1.0, {TAKE: 10, TAKE + LOST: 5}).attempts)
        self.assertEqual(0.0, Part(1.0, {TELL: 10}).attempts)

    def test_rate(self) -> None:
        """Requests are given per second."""
        self.assertEqual(3.0, Part(10.0, {BEAT: 20, READ: 10, TELL: 5}).rate(BEAT, READ))

    def test_compared(self) -> None:
        """Ours stands beside etcd's: transactions altogether, lost ones too."""
        part = Part(1.0, {TAKE: 2, TAKE + LOST: 1, OTHER: 1, BEAT: 7}, told={"Txn": 4, "LeaseKeepAlive": 8, "Put": 1})
        self.assertEqual("Txn 4 / 4, Put 0 / 1, LeaseKeepAlive 7 / 8", compared(part))


class TableTests(SynchronousTestCase):
    """How it looks."""

    def test_nothing_measured(self) -> None:
        """A run that measured nothing still has its column, without figures and verdicts."""
        self.assertIn("100 agents", report([run_of()]))
        self.assertEqual([], verdicts(run_of()))

    def test_columns(self) -> None:
        """Each run has its column, which says how slow time went there."""
        runs = [Run(100, 1.0, 6, 3, {REGISTERED: 1.5}), Run(1000, 60.0, 6, 3, {REGISTERED: 2.5, WELL: 7.0})]
        lines = report(runs).splitlines()
        self.assertEqual("100 agents  1000 agents, 60 x slower", lines[0].strip())
        self.assertEqual(["1.5", "2.5"], lines[1].split()[-2:])


class VerdictTests(SynchronousTestCase):
    """The goals."""

    def test_attempts(self) -> None:
        """Claims tried per claim made, when placing and after a loss."""
        run = run_of({PLACE: Part(1.0, {TAKE: 10, TAKE + LOST: 2}), LOSS: Part(1.0, {TAKE: 10, TAKE + LOST: 3})})
        run.figures.update({WELL: 5.0, LOST_WELL: 9.0})
        place, loss = verdicts(run)
        self.assertTrue(place.endswith("1.20, met"), place)
        self.assertTrue(loss.endswith("1.30, MISSED"), loss)

    def test_not_reached(self) -> None:
        """A part that did not end meets nothing, however few its attempts were until then."""
        run = run_of({PLACE: Part(1.0, {TAKE: 10})})
        self.assertTrue(verdicts(run)[0].endswith("not reached, MISSED"))

    def test_idle(self) -> None:
        """Writes to etcd per minute and node; beats and reads are none."""
        met = run_of({IDLE: Part(60.0, {BEAT: 3000, READ: 300, OTHER: 100})})
        self.assertTrue(verdicts(met)[0].endswith("1.00, met"))
        missed = run_of({IDLE: Part(60.0, {TELL: 100, OTHER: 1})})
        self.assertTrue(verdicts(missed)[0].endswith("1.01, MISSED"))

    def test_loss(self) -> None:
        """A lost node's instances run elsewhere within TTL and a margin; those that never did miss the goal."""
        run = run_of()
        run.figures.update({LOST_INSTANCES: 110.0, LOST_WELL: 10.9})
        self.assertIn("110 instances healthy elsewhere within TTL + 5 s = 11 s: 10.90, met", verdicts(run)[0])
        del run.figures[LOST_WELL]
        self.assertTrue(verdicts(run)[0].endswith("MISSED"))

    def test_only_of_the_size_they_are_for(self) -> None:
        """The goals are those of 100 agents; the report of a thousand in one process has none."""
        run = run_of({PLACE: Part(1.0, {TAKE: 1, TAKE + LOST: 9})}, agents=1000)
        self.assertNotIn("MISSED", report([run]))
