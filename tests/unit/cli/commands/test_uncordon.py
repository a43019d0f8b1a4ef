"""``uncordon``: the end of a drain."""

from __future__ import annotations

from tests.build.command_line import DrainCase
from tests.build.values import KEYS
from tests.fakes.command_line import Outcome


class UncordonTests(DrainCase):
    """The end of a drain."""

    def test_ends(self) -> None:
        """The node takes instances again; with ``-o json`` an object says so."""
        for words, printed in (
            ("uncordon n1", "n1 takes instances again\n"),
            ("uncordon n1 -o json", '{\n  "Node": "n1",\n  "Cordoned": false\n}\n'),
        ):
            self.run_line("drain n1")
            self.assertEqual(self.run_line(words), Outcome(0, printed, ""))
            self.assertEqual((self.cluster.cordoned, self.cluster.draining), (set(), set()))

    def test_node_that_is_away(self) -> None:
        """The cordon of a node without an agent can be taken back, too."""
        self.store.put(KEYS.cordon("n9"), b"")
        self.assertEqual(self.run_line("uncordon n9").status, 0)

    def test_not_cordoned(self) -> None:
        """A node that is not cordoned is no error, and nothing is announced: a script may run again."""
        before = self.store.revision
        self.assertEqual(self.run_line("uncordon n1"), Outcome(0, "n1 takes instances already\n", ""))
        self.assertEqual(self.run_line("uncordon n1 -o json").json, {"Node": "n1", "Cordoned": False})
        self.assertEqual(self.store.revision, before)

    def test_absent(self) -> None:
        """A node that does not exist, and has no cordon either, is answered with exit status 3."""
        done = self.run_line("uncordon n9")
        self.assertEqual((done.status, "node n9 does not exist" in done.stderr), (3, True))
