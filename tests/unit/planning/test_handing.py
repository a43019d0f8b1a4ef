"""The way of an image from node to node."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.images import ImageOffer, ImageStock
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.candidates import mark
from daprdockr.planning.handing import ASKED, branches, fitting, held_layers, holders, lacking
from tests.build.images import IMAGE, NAME


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
        """Those that lack most are first, equal ones in another order for each image; who has it is left out."""
        stocks = {
            "c": ImageStock(2),
            "b": ImageStock(0),
            "d": ImageStock(3, has=True),
            "a": ImageStock(2),
            "e": ImageStock(3),
        }
        orders = {tuple(lacking(f"sha256:{number}", stocks).items()) for number in range(20)}
        first, last = ("b", 0), ("e", 3)
        self.assertEqual(orders, {(first, ("a", 2), ("c", 2), last), (first, ("c", 2), ("a", 2), last)})

    def test_branches(self) -> None:
        """Two parts share the nodes evenly, and each keeps their order; one node is one part, none is none."""
        self.assertEqual(branches({"a": 0, "b": 1, "c": 2}), [{"a": 0, "c": 2}, {"b": 1}])
        self.assertEqual((branches({"a": 0}), branches({})), ([{"a": 0}], []))


class AskingTests(SynchronousTestCase):
    def test_holders(self) -> None:
        """Nodes are asked that have it by their records and take sessions, in another order by each that lacks it."""
        has = NodeRecord(peer="10.0.0.1:5081", images=(mark(NAME),))
        other = NodeRecord(peer="10.0.0.1:5081", images=(mark("shop/web:2"),))
        records = {"a": has, "b": has, "c": other, "d": NodeRecord(images=(mark(NAME),))}
        self.assertEqual(holders(NAME, "b", records), ["a"])
        self.assertEqual(holders(NAME, "a", {"a": has}), [])
        many = {f"n{number}": has for number in range(9)}
        orders = {tuple(holders(NAME, f"x{number}", many)) for number in range(20)}
        self.assertTrue(len(orders) > 10)
        self.assertEqual({len(order) for order in orders}, {ASKED})

    def test_holders_of_id(self) -> None:
        """No record has an id, so each node is asked for one that takes sessions."""
        self.assertEqual(holders(IMAGE, "b", {"a": NodeRecord(peer="10.0.0.1:5081"), "c": NodeRecord()}), ["a"])

    def test_fitting(self) -> None:
        """Of several images the one that was built last counts, else the one that most have; other platforms do not."""

        def offer(image: str, built: float = 0.0, platform: str = "") -> ImageOffer:
            return ImageOffer(image, (), 1, built, platform)

        for offers, found in (
            ({}, []),
            ({"a": offer("x", 1), "b": offer("y", 2), "c": offer("x", 1)}, ["b"]),
            ({"a": offer("x"), "b": offer("y"), "c": offer("x")}, ["a", "c"]),
            ({"a": offer("x", platform="linux/arm64"), "b": offer("y", platform="linux/amd64")}, ["b"]),
            ({"a": offer("x", platform="linux/arm64")}, []),
        ):
            self.assertEqual(fitting(offers, "linux/amd64"), found)
