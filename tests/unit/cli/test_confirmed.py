"""The question that is asked before something is lost."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.confirmed import NotConfirmed, confirm
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class ConfirmTests(SynchronousTestCase):
    def test_names(self) -> None:
        """The names in a question, which a definition may have given, move no cursor."""
        stderr = io.StringIO()
        console = Console(Terminal(b"no\n"), io.StringIO(), stderr)
        question = "volume \x1b[2Jdata stays behind. Type yes to go on: "
        self.assertRaises(NotConfirmed, confirm, Request("volume"), console, question, "")
        self.assertEqual(stderr.getvalue(), question.replace("\x1b", "\\x1b"))

    def test_unanswered(self) -> None:
        """A question is seen where stdout is a file, and the line ends at the end of the input, too."""
        stdout, stderr = io.StringIO(), io.StringIO()
        console = Console(Terminal(b""), stdout, stderr)
        self.assertRaises(NotConfirmed, confirm, Request("delete"), console, "Type yes to go on: ", "")
        self.assertEqual(("", "Type yes to go on: \n"), (stdout.getvalue(), stderr.getvalue()))
