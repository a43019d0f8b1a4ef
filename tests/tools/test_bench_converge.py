"""The order in which the contestants take turns in ``make bench-converge``."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.converge import KILLS, LARGEST_IN_ROUNDS, ROUNDS, Entrant, measure, turns
from benchmarks.figures import Figures
from benchmarks.report import COUNTS, KILLED


class Recorded:
    """A contestant that takes no time, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def converge(self, count: int) -> Mapping[str, float]:
        self.asked.append(f"converge {count}")
        return {"row": float(count)}

    def kill(self) -> Mapping[str, float]:
        self.asked.append("kill")
        return {"row": 0.5}

    def clear(self) -> None:
        self.asked.append("clear")

    def close(self) -> None:
        self.asked.append("close")


class TurnTests(SynchronousTestCase):
    """The order of turns."""

    def setUp(self) -> None:
        self.entrants = [Entrant(Recorded()), Entrant(Recorded(), counts=(1,)), Entrant(Recorded())]
        self.turns = list(turns(self.entrants))

    def test_rounds(self) -> None:
        """Each count has its turns in each round, the largest, which takes longest, in some of them."""
        counted = {count: [number for number, c, _ in self.turns if c == count] for count in COUNTS}
        everywhere = list(range(1, ROUNDS + 1))
        self.assertEqual({1: everywhere, 10: everywhere, 40: everywhere[:LARGEST_IN_ROUNDS]}, counted)

    def test_order(self) -> None:
        """Another contestant is first from round to round."""
        firsts = [those[0] for _, count, those in self.turns if count == 1]
        self.assertEqual([self.entrants[number % 3] for number in range(ROUNDS)], firsts)

    def test_counts(self) -> None:
        """A contestant that takes part with one container only is left out of the other counts."""
        for _, count, those in self.turns:
            self.assertEqual(count == 1, self.entrants[1] in those)


class MeasureTests(SynchronousTestCase):
    """One turn."""

    def test_without_kills(self) -> None:
        """Brought up, noted, taken down."""
        contestant, figures = Recorded(), Figures()
        measure(Entrant(contestant), 10, figures, say=len, rest=lambda: None)
        self.assertEqual(["converge 10", "clear"], contestant.asked)
        self.assertEqual((10.0,), figures.values("row", "10"))

    def test_with_kills(self) -> None:
        """A single container is killed, each time after a rest; several are not."""
        contestant, figures = Recorded(), Figures()
        entrant = Entrant(contestant, killed=contestant)
        measure(entrant, 1, figures, say=len, rest=lambda: contestant.asked.append("rest"))
        self.assertEqual(["converge 1", *["rest", "kill"] * KILLS, "clear"], contestant.asked)
        self.assertEqual((0.5,) * KILLS, figures.values("row", KILLED))
        measure(entrant, 10, figures, say=len, rest=lambda: None)
        self.assertEqual(["converge 10", "clear"], contestant.asked[-2:])
