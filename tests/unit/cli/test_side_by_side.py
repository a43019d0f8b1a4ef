"""Several nodes asked at once: who answers first is first, and those that do not are named."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import side_by_side
from daprdockr.cli.side_by_side import side_by_side as asked
from daprdockr.cli.side_by_side import some_of
from daprdockr.model.errors import NotFound


class SideBySideTests(SynchronousTestCase):
    def test_order(self) -> None:
        """Answers come as they are given, an error with its node; who is waited for is said once for the same ones."""
        self.patch(side_by_side, "SILENT", 0.05)
        others, lines = threading.Event(), list[str]()

        def ask(node: str) -> str:
            if node == "a":
                others.wait(20.0)
            if node == "b":
                raise NotFound("it is gone")
            return node.upper()

        found = []
        for node, answer in asked(ask, "abc", lines.append):
            found.append(node)
            if node == "b":
                self.assertRaises(NotFound, answer.result)
            else:
                self.assertEqual(answer.result(), node.upper())
            if len(found) == 2:
                threading.Timer(0.3, others.set).start()
        self.assertEqual((sorted(found), found[-1]), (["a", "b", "c"], "a"))
        self.assertEqual(lines, ["waiting for a"])

    def test_interrupted(self) -> None:
        """An impatient person does not wait for those that have not answered."""
        ended, left = threading.Event(), threading.Event()

        def ask(node: str) -> None:
            if node == "b":
                ended.wait(10.0)
                left.set()

        for node, _ in (answers := asked(ask, "ab", self.fail)):
            self.assertEqual(node, "a")
            break
        answers.close()
        self.assertFalse(left.is_set())
        ended.set()

    def test_names(self) -> None:
        """A few are named of many."""
        self.assertEqual(some_of("ab"), "a, b")
        self.assertEqual(some_of("abcde"), "a, b, c and 2 more")
