"""Signals to a command in a container: to its process alone, and never to another one's."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.signalled import KNOWN, send_signal

NONE = signal.Signals.SIGURG
"""It is ignored by a process that does not ask for it."""


class SignalledTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.proc = Path(self.mktemp())
        place = self.proc / str(os.getpid())
        place.mkdir(parents=True)
        (place / "cgroup").write_text("0::/docker/4f5b\n")

    def sent(self, **execution: Any) -> bool:
        return send_signal(execution, NONE, self.proc)

    def test_sent(self) -> None:
        """A process in the container's cgroup gets it."""
        self.assertTrue(self.sent(Pid=os.getpid(), ContainerID="4f5b"))

    def test_others(self) -> None:
        """A process of another container, or one that is gone, or not there yet, gets nothing."""
        self.assertFalse(self.sent(Pid=os.getpid(), ContainerID="5a5a"))
        self.assertFalse(self.sent(Pid=2**22 + 1, ContainerID="4f5b"))
        self.assertFalse(self.sent(Pid=0, ContainerID="4f5b"))
        self.assertFalse(self.sent(Pid=os.getpid(), ContainerID=""))
        self.assertFalse(self.sent())

    def test_names(self) -> None:
        """The signals are known by the names that a command line sends."""
        self.assertEqual(KNOWN["TERM"], signal.SIGTERM)
