"""The images of a host, as far as they are known."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.stock import MOST, Stock
from daprdockr.model.host import Image, Inventory


class LacksTests(SynchronousTestCase):
    def test_lacks(self) -> None:
        """An image is lacking when an inventory does not have it, by whatever form of its name."""
        stock = Stock(lambda reference: None)
        self.assertFalse(stock.lacks("web"))
        stock.take(Inventory(memory=1, images=frozenset({"web:latest"})))
        self.assertEqual([stock.lacks(name) for name in ("web", "docker.io/library/web:latest")], [False, False])
        self.assertTrue(stock.lacks("web:2"))
        stock.pulled("web:2", Image("sha256:2"))
        self.assertFalse(stock.lacks("web:2"))
        self.assertTrue(stock.lacks("not A name"))


class BoundTests(SynchronousTestCase):
    def test_many(self) -> None:
        """Of references that come and go, as with a tag for each build, the latest are known."""
        stock = Stock(lambda reference: None)
        for number in range(MOST + 10):
            stock.handed(f"web:{number}", Image("sha256:1"), "d")
            stock.pulled(f"web:{number}", Image("sha256:1"), "restart", "new")
            stock.pulled("db", Image("sha256:2"), "restart", "new")
        tables = stock.images.keys(), [reference for reference, _ in stock.resolved]
        self.assertEqual([len(one) for one in tables], [MOST] * len(tables))
        self.assertEqual([("web:9" in one, "web:12" in one, "db" in one) for one in tables], [(False, True, True)] * 2)
        self.assertEqual([stock.digest(f"web:{number}", Image("sha256:1")) for number in (9, 10)], ["", "d"])
