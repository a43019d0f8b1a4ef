"""How a guard shows that it is there."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.presence import NAME, announce, is_on_guard


class PresenceTests(SynchronousTestCase):
    """``announce`` and ``is_on_guard``."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        (self.root / "self").mkdir(parents=True)
        (self.root / "7").mkdir()

    def is_on_guard(self, name: str, state: str) -> bool:
        (self.root / "7" / "stat").write_text(f"7 ({name}) {state} 1 7 7\n")
        return is_on_guard(7, self.root)

    def test_on_guard(self) -> None:
        """A process that has taken the name, and sleeps or runs, is on guard."""
        announce(self.root)
        name = (self.root / "self" / "comm").read_text()
        self.assertTrue(self.is_on_guard(name, "S"))
        self.assertTrue(self.is_on_guard(name, "R"))
        self.assertLessEqual(len(name), 15)

    def test_not_on_guard(self) -> None:
        """One that has not taken it yet is not, nor one that is stopped, traced or dead, nor one that is not there."""
        self.assertFalse(self.is_on_guard("python3", "S"))
        self.assertFalse(self.is_on_guard(f"{NAME}) (", "S"))
        for state in "TtZX":
            self.assertFalse(self.is_on_guard(NAME, state))
        self.assertFalse(is_on_guard(8, self.root))
