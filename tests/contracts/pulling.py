"""The contract of the seam ``Engine`` about pulls that fail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from daprdockr.model.errors import ImageRefused, PullFailed
from daprdockr.model.seams import Engine

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object


class PullContract(_Case):
    """Mix in and give ``engine`` and ``absent_image``."""

    engine: Engine

    def absent_image(self) -> AbstractContextManager[str]:
        """A reference to an image that its registry answers not to have."""
        raise NotImplementedError

    def test_pull_fails(self) -> None:
        """A pull that fails names the image; it was not refused if the registry is not there."""
        with self.assertRaises(PullFailed) as caught:
            self.engine.pull("nowhere.invalid/none:1")
        self.assertIn("nowhere.invalid/none:1", str(caught.exception))
        self.assertNotIsInstance(caught.exception, ImageRefused)

    def test_pull_refused(self) -> None:
        """A registry that answers that it has no such image refuses the pull."""
        with self.absent_image() as reference, self.assertRaises(ImageRefused) as caught:
            self.engine.pull(reference)
        self.assertIn(reference, str(caught.exception))
