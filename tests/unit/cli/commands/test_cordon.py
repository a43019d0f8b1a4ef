"""``cordon``: a node that takes no more instances, and keeps those that it has."""

from __future__ import annotations

from tests.build.command_line import DrainCase
from tests.build.values import named
from tests.fakes.command_line import Outcome


class CordonTests(DrainCase):
    """A node is cordoned, and not drained."""

    def test_keeps(self) -> None:
        """The node takes no more instances, and is not asked to hand over those it has."""
        self.define(named("web", 2))
        printed = "n1 takes no more instances, and keeps the 2 that it has\n"
        self.assertEqual(self.run_line("cordon n1"), Outcome(0, printed, ""))
        self.assertEqual((self.cluster.cordoned, self.cluster.draining), ({"n1"}, set()))

    def test_json(self) -> None:
        """With ``-o json`` an object says so."""
        self.assertEqual(self.run_line("cordon n1 -o json").json, {"Node": "n1", "Cordoned": True, "Draining": False})

    def test_ends_a_drain(self) -> None:
        """A node that is drained stays cordoned and keeps what has not left it."""
        self.run_line("drain n1")
        self.assertIn(", its drain has ended", self.run_line("cordon n1").stdout)
        self.assertEqual((self.cluster.cordoned, self.cluster.draining), ({"n1"}, set()))

    def test_events(self) -> None:
        """A person's request about a node is an event about it; one that was refused is none."""
        for line in ("cordon n1", "drain n1", "uncordon n1", "uncordon n1", "cordon n9"):
            self.run_line(line)
        found = self.run_line("events n1 -o json").json
        texts = ["cordoned", "a drain was asked for", "takes instances again"]
        self.assertEqual([(one["Subject"], one["Text"]) for one in found], [("n1", text) for text in texts])

    def test_unknown_node(self) -> None:
        """A node that does not exist is answered with exit status 3, and no cordon is left behind for it."""
        done = self.run_line("cordon n9")
        self.assertEqual((done.status, "node n9 does not exist" in done.stderr), (3, True))
        self.assertEqual(self.cluster.cordoned, set())
