"""Moves that are under way, and the room that they take."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.candidates import Candidate
from daprdockr.planning.placing.moves import Move, before_move
from tests.build.values import definition, fixing, instance

NEEDS = definition(Container={"Memory": 100, "NanoCpus": 2 * 10**9, **fixing(5432)}).container
PORT = ("tcp", 5432)


def move(number: int, begun: int, node: str = "b") -> Move:
    return Move(begun, instance(number), node, NEEDS)


EARLIER, OWN, LATER = move(3, 50), move(2, 51), move(1, 52)
FULL = Candidate("b", {}, 3, ports={PORT: 3}, memory=-300, cpus=-6)
ELSEWHERE = Candidate("c", {}, 0, memory=100, cpus=2)


class BeforeMoveTests(SynchronousTestCase):
    """Note [First begun, first served]: an owner looks for room as if its moves had not begun, nor any after them."""

    def room(self, own: list[Move], under_way: list[Move]) -> tuple[int, float, float]:
        """How often the port is taken on the node, and what it has left."""
        found, other = before_move((FULL, ELSEWHERE), own, under_way)
        self.assertEqual(other, ELSEWHERE)
        return found.ports[PORT], found.memory, found.cpus

    def test_order(self) -> None:
        """Its own move and the later ones give their room back; an earlier one keeps it."""
        under_way = [EARLIER, OWN, LATER]
        self.assertEqual(self.room([EARLIER], under_way), (0, 0, 0))
        self.assertEqual(self.room([OWN], under_way), (1, -100, -2))
        self.assertEqual(self.room([LATER], under_way), (2, -200, -4))

    def test_first_of_several(self) -> None:
        """Of several own moves the first counts."""
        self.assertEqual(self.room([LATER, OWN], [EARLIER, OWN, LATER]), (1, -100, -2))

    def test_at_one_revision(self) -> None:
        """Of moves that began at one revision that of the lower instance is the first, so that not all of them end."""
        first, second = evolve(LATER, begun=OWN.begun), OWN
        self.assertEqual(self.room([second], [first, second]), (2, -200, -4))
        self.assertEqual(self.room([first], [first, second]), (1, -100, -2))

    def test_none(self) -> None:
        """Without a move of its own it sees the room that is left by all of them."""
        self.assertEqual(self.room([], [EARLIER, OWN, LATER]), (3, -300, -6))

    def test_to_another_node(self) -> None:
        """A move gives room back only on the node where it takes it."""
        self.assertEqual(self.room([OWN], [OWN, evolve(LATER, node="d")]), (2, -200, -4))
