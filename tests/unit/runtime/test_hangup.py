"""A closed terminal ends an agent in good order."""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.hangup import end_at_hangup


class Ending:
    """A reactor that notes what ends it."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def sigTerm(self, number: int, frame: object = None) -> None:  # noqa: N802  Twisted's name
        self.signals.append(number)


class HangupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Ending()
        self.addCleanup(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP))

    def test_ends(self) -> None:
        """SIGHUP ends the reactor as SIGTERM does."""
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        end_at_hangup(self.reactor)
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(self.reactor.signals, [signal.SIGHUP])

    def test_ignored(self) -> None:
        """Below nohup(1), which ignores it, the agent goes on when the terminal is closed."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        end_at_hangup(self.reactor)
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
