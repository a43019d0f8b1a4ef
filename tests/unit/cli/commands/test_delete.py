"""``-del``: stored definitions are deleted."""

from __future__ import annotations

from tests.build.command_line import KEY, DefinitionCase
from tests.fakes.command_line import Outcome


class DeleteTests(DefinitionCase):
    """Definitions are deleted."""

    def test_deleted(self) -> None:
        """A definition is gone, silently."""
        self.given()
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp"), Outcome(0, "", ""))
        self.assertIsNone(self.stored())

    def test_json(self) -> None:
        """With -o json it says what it did."""
        self.given()
        done = self.run_line("-del", "-svc", "web.myapp", "-o", "json")
        self.assertEqual(done.json, {"Service": "web.myapp", "Deleted": True})

    def test_told(self) -> None:
        """A deletion is an event with the person in it."""
        self.given()
        self.run_line("-del", "-svc", "web.myapp")
        (told,) = self.run_line("events", "-o", "json").json
        self.assertEqual((told["Subject"], told["Text"]), ("web.myapp", "deleted"))
        self.assertIn("@", told["By"])

    def test_absent(self) -> None:
        """A service that does not exist cannot be deleted, and the exit status is 3."""
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 3)

    def test_broken(self) -> None:
        """A definition that cannot be read can be deleted."""
        self.store.put(KEY, b"garbage")
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 0)

    def test_lost_answer(self) -> None:
        """A deletion whose answer was lost is found to have happened, and is no error."""
        self.given()
        self.store.loses = 1
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 0)
