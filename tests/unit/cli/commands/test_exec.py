"""``exec``: its words, and its status."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.outcome import CommandStatus
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from daprdockr.model.stored.claim import ClaimRecord
from tests.build.command_line import ShowCase
from tests.fakes.command_line import command_line


class WordsTests(SynchronousTestCase):
    def test_flags(self) -> None:
        """``-i``, ``-t`` and both together; words behind two dashes belong to the command."""
        request = read_request(["exec", "-i", "1.web.myapp", "--", "ls", "-it", "--"], {})
        self.assertEqual((request.interactive, request.tty), (True, False))
        self.assertEqual(request.words, ("1.web.myapp", "ls", "-it", "--"))
        self.assertTrue(read_request(["exec", "-t", "1.web.myapp", "sh"], {}).tty)

    def test_refused(self) -> None:
        """An instance and a command are needed; a terminal is, where one is asked for."""
        for words in ((), ("1.web.myapp",), ("web.myapp", "--", "sh"), ("x", "--", "sh")):
            self.assertRaises(BadInput, read_request, ["exec", *words], {})


class StatusTests(ShowCase):
    def test_nowhere(self) -> None:
        """An instance on no node is exit status 3; a node that takes no sessions is a failure."""
        done = command_line(self.store, "exec", "1.web.myapp", "--", "true")
        self.assertEqual((done.status, "on no node" in done.stderr), (3, True))
        self.claim(1, ClaimRecord("a"))
        self.assertEqual(command_line(self.store, "exec", "1.web.myapp", "--", "true").status, 3)
        self.store.put("/daprdockr/nodes/a", b"{}", self.store.lease)
        done = command_line(self.store, "exec", "1.web.myapp", "--", "true")
        self.assertEqual((done.status, "takes no sessions" in done.stderr), (1, True))

    def test_status(self) -> None:
        """The status of the command is that of the whole."""
        self.assertEqual(CommandStatus(77).status, 77)
