"""The user as whom a container runs: the same of every implementation of ``daprdockr.model.seams.Engine``."""

from __future__ import annotations

from daprdockr.model.errors import ContainerAbsent, EngineRefused
from tests.contracts.engine import EngineContract

KNOWN = ("www", 1000)
"""A user of the image."""


class EngineUsersContract(EngineContract):
    """The contract of an Engine, and users."""

    def test_users(self) -> None:
        """A user is a number, whether the container runs or not, and whether definition or image give a name."""
        for user, number in (("", 0), ("root", 0), ("1234", 1234), ("77:88", 77), KNOWN, ("www:root", 1000)):
            container = self.create(f"u{number}-{len(user)}", self.body(User=user))
            self.assertEqual(self.engine.user_id(container), number)

    def test_unknown_user(self) -> None:
        """A name that the image does not know is refused, and a container that is gone is not there."""
        with self.assertRaises(EngineRefused):
            self.engine.user_id(self.create("user", self.body(User="nobody-knows")))
        with self.assertRaises(ContainerAbsent):
            self.engine.user_id("0" * 64)
