"""Names of images, and what nodes say about them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.images import (
    ImageOffer,
    ImageStock,
    OfferTaken,
    Receipt,
    as_listed,
    image_id,
    image_reference,
    is_image_id,
    layers,
)
from tests.build.images import IMAGE

DIGEST = f"sha256:{'5f' * 32}"


class ReferenceTests(SynchronousTestCase):
    def test_named(self) -> None:
        """A name gets its tag, and loses what Docker leaves out."""
        for given, found in {
            "web": "web:latest",
            "shop/web:1": "shop/web:1",
            "docker.io/library/busybox:1.36": "busybox:1.36",
            "docker.io/shop/web": "shop/web:latest",
            "index.docker.io/shop/web:a_B-1.c": "shop/web:a_B-1.c",
            "registry.test:5000/web": "registry.test:5000/web:latest",
            "registry.test:5000/a__b/c--d.e:2": "registry.test:5000/a__b/c--d.e:2",
            IMAGE: IMAGE,
        }.items():
            self.assertEqual(image_reference(given), found)
        self.assertEqual((is_image_id(IMAGE), is_image_id("web:1")), (True, False))

    def test_refused(self) -> None:
        """Anything else is one line that says what to write."""
        for given in ("", "Web", "web:", ":1", "a b", "web:-1", "web/", "/web", "a//b", "x" * 256, "web:\n", "-web"):
            refusal = str(self.assertRaises(BadInput, image_reference, given))
            self.assertIn("write its name and tag", refusal)
        self.assertIn("tag", str(self.assertRaises(BadInput, image_reference, f"web@{IMAGE}")))

    def test_ids(self) -> None:
        """An id is a whole digest."""
        self.assertEqual((image_id(IMAGE, "Image"), layers([IMAGE], "Layers")), (IMAGE, (IMAGE,)))
        self.assertIn("Image", str(self.assertRaises(BadInput, image_id, "sha256:12", "Image")))
        self.assertRaises(BadInput, layers, ["web"], "Layers")

    def test_as_listed(self) -> None:
        """Names are compared as an Engine lists them; what is no name is left as it is."""
        given = ("nginx", "docker.io/library/nginx:1", "r.example:5000/a/b", f"nginx:1@{DIGEST}", "No:Name:", DIGEST)
        listed = ("nginx:latest", "nginx:1", "r.example:5000/a/b:latest", f"nginx@{DIGEST}", "No:Name:", DIGEST)
        self.assertEqual(tuple(map(as_listed, given)), listed)


class AnswerTests(SynchronousTestCase):
    def test_read_back(self) -> None:
        """An answer of a node is read as it was written; anything else is refused."""
        for stock in (ImageStock(0), ImageStock(3, has=True)):
            self.assertEqual(ImageStock.decode(stock.encode()), stock)
        for handed in (Receipt("a"), Receipt("a", 10), Receipt("b", 5, "full", is_busy=True)):
            self.assertEqual(Receipt.decode(handed.encode()), handed)
        for offer in (ImageOffer(IMAGE, (IMAGE,), 5, 17.5, "linux/amd64", IMAGE), ImageOffer("", (), 0)):
            self.assertEqual(ImageOffer.decode(offer.encode()), offer)
        self.assertEqual(OfferTaken.decode(OfferTaken(3).encode()), OfferTaken(3))
        self.assertRaises(BadInput, ImageOffer.decode, b'{"Image": "x", "Layers": [], "Size": 1}')
        self.assertRaises(BadInput, OfferTaken.decode, b'{"Held": -1}')
        self.assertRaises(BadInput, ImageStock.decode, b"{}")
        self.assertRaises(BadInput, Receipt.decode, b'{"Node": "A B"}')
