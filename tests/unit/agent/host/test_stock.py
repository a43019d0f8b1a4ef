"""The images of a host, as far as they are known."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.stock import Stock
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
