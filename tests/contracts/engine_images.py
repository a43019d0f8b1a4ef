"""The image that a container was made from: the same of every implementation of ``daprdockr.model.seams.Engine``."""

from __future__ import annotations

from tests.contracts.engine import EngineContract


class EngineImagesContract(EngineContract):
    """The contract of an Engine, and images; give ``tag`` as well."""

    def tag(self, image: str, reference: str) -> None:
        """Have a reference lead to an image until the test ends."""
        raise NotImplementedError

    def test_made_from(self) -> None:
        """A container was made from the image to which its reference led at that time, not later, and by no other."""
        reference = f"{self.prefix}-made:1"
        self.tag(self.image, reference)
        first = self.engine.image(reference)
        container = self.create("made", {**self.body(), "Image": reference})
        self.tag(self.commit(self.engine, container), reference)
        self.assertNotEqual(self.engine.image(reference), first)
        self.assertEqual(self.engine.made_from(container, reference), first)
        self.assertIsNone(self.engine.made_from(container, self.image))
        self.assertIsNone(self.engine.made_from("0" * 64, reference))
