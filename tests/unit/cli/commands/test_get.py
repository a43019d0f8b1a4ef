"""``-get``: stored definitions are printed."""

from __future__ import annotations

import json

from tests.build.command_line import DOCUMENT, KEY, DefinitionCase
from tests.fakes.command_line import Outcome


class GetTests(DefinitionCase):
    """Definitions are printed."""

    def test_one(self) -> None:
        """One definition is printed as JSON, indented, in a stable order."""
        self.given()
        done = self.run_line("-svc", "web.myapp")
        self.assertEqual(done, Outcome(0, json.dumps(DOCUMENT, indent=2) + "\n", ""))

    def test_absent(self) -> None:
        """A service that does not exist is reported on stderr, and the exit status is 3."""
        done = self.run_line("-get", "-svc", "web.myapp")
        self.assertEqual((done.status, done.stdout), (3, ""))
        self.assertRegex(done.stderr, r"\Adaprdockrcmd: web\.myapp does not exist.*\n\Z")

    def test_all(self) -> None:
        """Without a service all definitions are listed, by group and name."""
        self.store.put("/daprdockr/services/b/a", json.dumps(DOCUMENT | {"Name": "a", "Group": "b"}).encode())
        self.given()
        found = self.run_line("-get").json
        self.assertEqual([(item["Group"], item["Name"]) for item in found], [("b", "a"), ("myapp", "web")])

    def test_all_of_nothing(self) -> None:
        """A list of no definitions is an empty list, not an error."""
        self.assertEqual(self.run_line(), Outcome(0, "[]\n", ""))

    def test_all_with_a_broken_one(self) -> None:
        """A definition that cannot be read is named on stderr, the others are printed, and the exit status is 1."""
        self.store.put("/daprdockr/services/myapp/bad", b"\xff")
        self.given()
        done = self.run_line()
        self.assertEqual((done.status, len(done.json)), (1, 1))
        self.assertIn("/services/myapp/bad", done.stderr)

    def test_broken(self) -> None:
        """A stored definition that cannot be read is answered with one line that says what to do."""
        for value in (b"\xff", b"[]", b"{}", json.dumps(DOCUMENT | {"Name": "other"}).encode()):
            self.store.put(KEY, value)
            done = self.run_line("-svc", "web.myapp")
            self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1))
            self.assertIn("-stdin or -del", done.stderr)

    def test_control_characters(self) -> None:
        """No letter of a definition moves the cursor of the terminal that shows it."""
        self.given(DOCUMENT | {"Container": {"Image": "x", "Cmd": ["\x9b2J\x1b[1mä"]}})
        done = self.run_line("-svc", "web.myapp")
        self.assertTrue(done.stdout.isascii())
        self.assertEqual(done.json["Container"]["Cmd"], ["\x9b2J\x1b[1mä"])
