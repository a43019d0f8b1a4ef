"""The update part of a definition: its limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.update import Update


class UpdateTests(SynchronousTestCase):
    def test_bad_members(self) -> None:
        """A member that makes no sense is named."""
        bad: tuple[dict[str, object], ...] = (
            {"Order": "both"},
            {"Parallelism": 0},
            {"MinHealthy": -1},
            {"Deadline": 0},
            {"OnFailure": "panic"},
            {"Drain": -1},
            {"Speed": 1},
        )
        for members in bad:
            error = self.assertRaises(BadInput, Update.read, members, "Update")
            self.assertTrue(str(error).startswith("Update."), str(error))
