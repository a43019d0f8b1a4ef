"""Whether an agent holds a state directory."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.process.held import is_held


class IsHeldTests(SynchronousTestCase):
    def test_held(self) -> None:
        """It is held from the start of the agent to its end, and the question changes nothing."""
        path = Path(self.mktemp()).absolute()
        self.assertFalse(is_held(path))
        self.assertFalse(path.exists())
        state = StateDir(path)
        state.lock()
        self.assertTrue(is_held(path))
        state.unlock()
        self.assertFalse(is_held(path))
