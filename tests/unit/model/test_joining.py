"""The token that admits a host, and what the host receives."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.joining import LONGEST_TOKEN, JoinAnswer, JoinToken

TOKEN = JoinToken("10.0.0.1:5081", "ab" * 32, "cd" * 32)


class JoinTokenTests(SynchronousTestCase):
    def test_carried(self) -> None:
        """A token is one short word that has all of it, and its secret is not printed by accident."""
        self.assertEqual(JoinToken.parse(f" {TOKEN}\n"), TOKEN)
        self.assertRegex(str(TOKEN), r"\Adj[A-Za-z0-9_-]+\Z")
        self.assertLess(len(str(JoinToken(f"[{'2001:db8:' * 4}1]:65535", "0" * 64, "0" * 64))), LONGEST_TOKEN)
        self.assertNotIn("cd", repr(TOKEN))

    def test_not_whole(self) -> None:
        """A token that was not copied whole, or was changed, is refused with what to do."""
        whole = str(TOKEN)
        for text in ("", "dj", whole[:-1], whole[2:], "x" * 500, whole[:20] + "Z" + whole[21:], whole + "!", "djé"):
            self.assertIn("copy the line", str(self.assertRaises(BadInput, JoinToken.parse, text)))

    def test_no_place(self) -> None:
        """A token that names no port, or no place in letters, leads nowhere."""
        for place in ("10.0.0.1", "", "é:1"):
            self.assertRaises(BadInput, JoinToken.parse, str(JoinToken(place, "ab" * 32, "cd" * 32)))

    def test_other_version(self) -> None:
        """A token of a newer version says that."""
        import hashlib

        body = b"\x02" + b"1" * 70
        text = "dj" + base64.urlsafe_b64encode(body + hashlib.sha256(body).digest()[:4]).decode().rstrip("=")
        self.assertIn("another version", str(self.assertRaises(BadInput, JoinToken.parse, text)))


class JoinAnswerTests(SynchronousTestCase):
    def test_carried(self) -> None:
        """An answer arrives as it was sent, and its keys are not printed by accident."""
        answer = JoinAnswer("ca\n", "agent\n", "sec1", ("https://10.0.0.1:2379",), "member\n", ("a=b",), "sec2")
        self.assertEqual(JoinAnswer.decode(answer.encode()), answer)
        self.assertNotIn("sec", repr(answer))

    def test_incomplete(self) -> None:
        """An answer without certificates is none."""
        self.assertRaises(BadInput, JoinAnswer.decode, b'{"Authority":"x"}')
