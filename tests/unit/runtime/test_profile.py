"""The CPU profile."""

from __future__ import annotations

import pstats
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.profile import Profile


def busy() -> int:
    return sum(range(1000))


class ProfileTests(SynchronousTestCase):
    """``Profile``."""

    def test_written(self) -> None:
        """The file has what ran between start and stop, and nothing after it."""
        path = Path(self.mktemp())
        profile = Profile(path)
        profile.startService()
        busy()
        profile.stopService()
        busy()
        calls = {name: stat[0] for (_, _, name), stat in pstats.Stats(str(path)).stats.items()}  # type: ignore[attr-defined]  # untyped
        self.assertEqual(calls["busy"], 1)
