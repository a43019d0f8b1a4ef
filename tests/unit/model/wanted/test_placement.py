"""Placement of a definition: constraints and what is refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.placement import Constraint, Placement


class PlacementTests(SynchronousTestCase):
    def test_constraints(self) -> None:
        """A constraint compares a label with a value; spaces do not matter."""
        self.assertEqual(Constraint.read(" zone==a ", "C"), Constraint(label="zone", equal=True, value="a"))
        self.assertEqual(Constraint.read("disk != slow", "C").write(), "disk != slow")

    def test_bad_constraints(self) -> None:
        """Anything else is refused with its place."""
        bad: tuple[object, ...] = (
            "",
            "zone",
            "zone = a",
            "zone == ",
            "== a",
            "zone == a b",
            "zone === a",
            "a == b == c",
            None,
            {},
        )
        for text in bad:
            error = self.assertRaises(BadInput, Placement.read, {"Constraints": ["a == b", text]}, "Placement")
            self.assertTrue(str(error).startswith("Placement.Constraints[1]"), str(error))

    def test_too_many(self) -> None:
        """One line refuses more constraints than nodes can try quickly."""
        Placement.read({"Constraints": ["a == b"] * 64}, "Placement")
        error = self.assertRaises(BadInput, Placement.read, {"Constraints": ["a == b"] * 65}, "Placement")
        self.assertEqual(str(error), "Placement.Constraints has 65 members, write at most 64")
