"""The way of an image from node to node."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.images import ImageStock
from daprdockr.planning.handing import branches, held_layers, lacking


class HeldTests(SynchronousTestCase):
    def test_lowest(self) -> None:
        """The layers count that an image of the Engine has in the same place above the same ones."""
        for others, held in (
            ([], 0),
            (["abx"], 2),
            (["x", "a", "abc", "ab"], 3),
            (["abcd"], 3),
            (["xbc", "bc", "ca"], 0),
        ):
            self.assertEqual(held_layers("abc", others), held)


class OrderTests(SynchronousTestCase):
    def test_lacking(self) -> None:
        """Those that lack most are first; those that have it are left out."""
        stocks = {
            "c": ImageStock(2),
            "b": ImageStock(0),
            "d": ImageStock(3, has=True),
            "a": ImageStock(2),
            "e": ImageStock(3),
        }
        self.assertEqual([*lacking(stocks).items()], [("b", 0), ("a", 2), ("c", 2), ("e", 3)])

    def test_branches(self) -> None:
        """Two parts share the nodes evenly, and each keeps their order; one node is one part, none is none."""
        self.assertEqual(branches({"a": 0, "b": 1, "c": 2}), [{"a": 0, "c": 2}, {"b": 1}])
        self.assertEqual((branches({"a": 0}), branches({})), ([{"a": 0}], []))
