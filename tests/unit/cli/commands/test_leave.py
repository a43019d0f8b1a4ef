"""``leave``: what its agent is asked for."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.leave import containers
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request


class ContainersTests(SynchronousTestCase):
    def test_no_agent(self) -> None:
        """Where no agent answers, it is not known what runs."""
        console = Console(io.BytesIO(), io.StringIO(), io.StringIO())
        self.assertIsNone(containers(Request("leave"), console))
