"""The requests of a command line: written and read back, and refused in one line where an agent cannot know it."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.session import ExecAsked, ForwardAsked, LogsAsked, SessionAsked, SessionRequest, token_digest
from tests.build.values import instance

TOKEN = "5f" * 32
ASKED: tuple[SessionAsked, ...] = (
    LogsAsked(instance(1)),
    LogsAsked(instance(2), follow=True, tail=0, since=1763817600.25, grep="löst \t"),
    ExecAsked(instance(1), ("sh", "-c", "", "a\nb")),
    ExecAsked(instance(1), ("sh",), terminal=True, input=True, rows=24, columns=80),
    ForwardAsked(instance(1), 5432),
)


class RequestTests(SynchronousTestCase):
    def refused(self, **members: Any) -> str:
        data = json.dumps({"Token": TOKEN, **members}).encode()
        return str(self.assertRaises(BadInput, SessionRequest.decode, data))

    def test_read_back(self) -> None:
        """Each request is read as it was written."""
        for asked in ASKED:
            request = SessionRequest(TOKEN, asked)
            self.assertEqual(SessionRequest.decode(request.encode()), request)

    def test_unknown_members(self) -> None:
        """A newer command line may say more."""
        data = json.dumps({"Token": TOKEN, "More": 1, "Logs": {"Instance": "1.web.myapp", "Colour": "red"}}).encode()
        self.assertEqual(SessionRequest.decode(data).asked, LogsAsked(instance(1)))

    def test_refused(self) -> None:
        """A member that is missing or cannot be is named."""
        logs = {"Instance": "1.web.myapp"}
        self.assertIn("does not know what is asked", self.refused())
        self.assertIn("does not know what is asked", self.refused(Dance={}))
        self.assertIn("does not know what is asked", self.refused(Logs=logs, Forward={**logs, "Port": 1}))
        self.assertIn("Instance is missing", self.refused(Logs={}))
        self.assertIn("Command is missing", self.refused(Exec=logs))
        self.assertIn("command is missing", self.refused(Exec={**logs, "Command": []}))
        self.assertIn("Port", self.refused(Forward={**logs, "Port": 0}))
        self.assertIn("64 hex digits", self.refused(Token="short", Logs=logs))
        self.assertRaises(BadInput, SessionRequest.decode, b"not JSON")

    def test_digest(self) -> None:
        """etcd has another text than the token, and another one for each."""
        self.assertNotIn(TOKEN, token_digest(TOKEN))
        self.assertNotEqual(token_digest(TOKEN), token_digest("5e" * 32))
