"""The hosts that are lost in ``make bench-failover``, by contestant, and the table and verdicts at its end."""

from __future__ import annotations

from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.clock import BenchFailed
from benchmarks.failover import PATIENCE, ROUNDS, TTLS, turns, watch, wishes
from benchmarks.failover_report import ANY, HEALED, LEADER, OTHER, Contender, Kept, Result, report

OURS = Contender("ours", ("claimed", "running"), lease=5)
THEIRS = Contender("theirs", ("running",))


class TurnTests(SynchronousTestCase):
    """The hosts that are cut off."""

    def setUp(self) -> None:
        self.turns = list(turns(3, ROUNDS))

    def test_each_host(self) -> None:
        """Each time it is another one, and each has its turn."""
        self.assertEqual([1, 2, 3, 1, 2, 3], [turn.cut for turn in self.turns])

    def test_leader(self) -> None:
        """The leader is on it in every other round, and never twice on the same one."""
        self.assertEqual([2, 1, 3], [turn.cut for turn in self.turns if turn.cut == turn.leader])


class WatchTests(SynchronousTestCase):
    """The stages of a takeover."""

    def setUp(self) -> None:
        self.clock = Clock()

    def watch(self, **reached_at: float) -> dict[str, float]:
        """With a second between two looks."""
        stages = {stage: partial(self.is_past, moment) for stage, moment in reached_at.items()}
        return watch(stages, self.clock.seconds, partial(self.clock.advance, 1.0))

    def is_past(self, moment: float) -> bool:
        return self.clock.seconds() >= moment

    def test_one_after_another(self) -> None:
        """Each stage is looked for until it is reached; one that was reached before counts when it is looked for."""
        self.assertEqual({"claimed": 3.0, "running": 5.0, "told": 5.0}, self.watch(claimed=3, running=5, told=4))

    def test_never(self) -> None:
        """A stage that is not reached ends the measuring."""
        self.assertRaisesRegex(BenchFailed, "running: not within", self.watch, claimed=3, running=PATIENCE + 10)


class WishesTests(SynchronousTestCase):
    """The command line."""

    def test_leases(self) -> None:
        """Several take part unless one is asked for."""
        self.assertEqual(TTLS, ",".join(map(str, wishes([]).ttl)))
        self.assertEqual((7,), wishes(["--ttl", "7"]).ttl)


class ReportTests(SynchronousTestCase):
    """The end of a run."""

    def setUp(self) -> None:
        self.result = Result()
        self.result.add(OURS, True, {"claimed": 5.0, "running": 7.5, HEALED: 2.0}, Kept(12, 1))
        self.result.add(OURS, False, {"claimed": 4.0, "running": 5.5, HEALED: 4.0}, Kept(12))
        self.told = report(self.result, (OURS, THEIRS)).splitlines()

    def test_columns(self) -> None:
        """A round stands under any host, and under the one of its kind."""
        values = [self.result.figures.values("ours", column) for column in (ANY, LEADER, OTHER)]
        self.assertEqual([(7.5, 5.5), (7.5,), (5.5,)], values)

    def test_verdicts(self) -> None:
        """The median is judged, and the longest round too: it is somebody's outage."""
        row = next(line for line in self.told if line.startswith("ours "))
        self.assertTrue(row.endswith("7.00  met by 0.50 s  MISSED by 0.50 s"), row)

    def test_stages(self) -> None:
        """The stages before the last one stand below it, without a goal."""
        row = next(line for line in self.told if line.startswith("  claimed"))
        self.assertEqual(["claimed", "4.50", "[4.00..5.00]"], row.split()[:3])

    def test_shares(self) -> None:
        """The report says how new instances were placed, the most frequent first."""
        for shares in ("2/4/6", "4/4/4", "4/4/4"):
            self.result.add_placement(OURS, shares)
        told = report(self.result, (OURS, THEIRS)).splitlines()
        self.assertIn("ours: 2 times 4/4/4, 1 times 2/4/6", told)
        self.assertIn("theirs: -", told)

    def test_kept(self) -> None:
        """The report says how many containers did not outlive the heal."""
        healed = "ours: settled within 3.00 [2.00..4.00] s; 1 of 24 containers of the other hosts stopped or restarted"
        self.assertIn(healed, self.told)

    def test_not_measured(self) -> None:
        """A contestant that was not measured has a row without figures, and no verdict."""
        row = next(line for line in self.told if line.startswith("theirs "))
        self.assertEqual(["theirs", *"------"], row.split())
        self.assertIn("all rounds, theirs: -", self.told)
        self.assertIn("theirs: not measured; 0 of 0 containers of the other hosts stopped or restarted", self.told)
