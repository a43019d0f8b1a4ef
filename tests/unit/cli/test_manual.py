"""The one page of help."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import manual
from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.flags import ALL


class ManualTests(SynchronousTestCase):
    """The page of help."""

    def test_complete(self) -> None:
        """It names every flag and every command."""
        page = manual.text()
        flags = [*ACTIONS, *(flag.name for flag in ALL)]
        missing = [name for name in flags if f"-{name} " not in page and f"-{name}]" not in page]
        self.assertEqual(missing, [])
        self.assertEqual([name for name in WORDS if f"\n  {name} " not in page], [])

    def test_width(self) -> None:
        """It fits a terminal of 100 columns."""
        self.assertLessEqual(max(map(len, manual.text().splitlines())), 100)
