"""The reports of an agent to systemd, and their times."""

from __future__ import annotations

import os
import socket

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.systemd import LATER, PATIENCE, ReportToSystemd
from daprdockr.runtime.notify_socket import NotifySocket


class ReportTests(SynchronousTestCase):
    """A real socket, as systemd's; ``troubles`` is what is wrong."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.troubles: list[str] = []
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.setblocking(False)
        self.name = f"daprdockr-report-{os.getpid()}"

    def begin(self, watchdog: float = 0.0, is_there: bool = True) -> ReportToSystemd:
        if is_there:
            self.systemd.bind(f"\0{self.name}")
        notify = NotifySocket(f"@{self.name}", watchdog)
        report = ReportToSystemd(reactor=self.clock, notify=notify, troubles=lambda: self.troubles)
        report.startService()
        return report

    def received(self) -> list[dict[str, str]]:
        """All messages since the last call."""
        messages: list[dict[str, str]] = []
        while True:
            try:
                text = self.systemd.recv(4096).decode()
            except BlockingIOError:
                return messages
            messages.append(dict(line.split("=", 1) for line in text.splitlines()))

    def advance(self, seconds: float) -> None:
        self.clock.pump([0.25] * round(seconds * 4))

    def test_ready_at_once(self) -> None:
        """A healthy agent is ready, once."""
        self.begin()
        self.assertEqual(self.received(), [{"READY": "1", "STATUS": "healthy"}])
        self.advance(60)
        self.assertEqual(self.received(), [])

    def test_ready_when_healthy(self) -> None:
        """An agent is not ready before it is healthy; its status says why."""
        self.troubles = ["etcd did not answer yet", "no heartbeat\nyet"]
        self.begin()
        self.advance(PATIENCE - 1)
        messages = self.received()
        self.assertEqual(messages, [{"STATUS": "etcd did not answer yet; no heartbeat yet"}])
        self.troubles = []
        self.advance(0.25)
        self.assertEqual(self.received(), [{"READY": "1", "STATUS": "healthy"}])

    def test_not_awaited_for_ever(self) -> None:
        """An agent that serves without etcd is ready after a while: Note [Ready in any case]."""
        self.troubles = ["etcd does not answer"]
        self.begin()
        self.advance(PATIENCE)
        self.assertEqual(self.received(), [{"STATUS": "etcd does not answer"}, {"READY": "1"}])

    def test_systemd_away(self) -> None:
        """A report that systemd did not get is sent again: it replaces itself in an upgrade."""
        self.begin(is_there=False)
        self.advance(1)
        self.systemd.bind(f"\0{self.name}")
        self.advance(0.25)
        self.assertIn("READY", self.received()[0])

    def test_later(self) -> None:
        """A ready agent reports every few seconds, and its status as it changes."""
        self.begin()
        self.received()
        self.troubles = ["frozen"]
        self.advance(LATER)
        self.assertEqual(self.received(), [{"STATUS": "frozen"}])

    def test_watchdog(self) -> None:
        """A short watchdog gets three reports before it acts."""
        self.begin(watchdog=3.0)
        self.received()
        self.advance(3)
        self.assertEqual(self.received(), 3 * [{"WATCHDOG": "1"}])

    def test_fault(self) -> None:
        """A condition that cannot be read is logged once, and neither ends the reports nor has the agent ended."""
        report = self.begin(watchdog=60.0)
        self.received()
        report._troubles = lambda: [str(1 // 0)]
        self.advance(2 * LATER)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        unread = "the agent's condition cannot be read: integer division or modulo by zero"
        self.assertEqual(self.received(), [{"STATUS": unread, "WATCHDOG": "1"}, {"WATCHDOG": "1"}])

    def test_stop(self) -> None:
        """An agent that stops says so, and nothing more."""
        report = self.begin()
        self.received()
        report.stopService()
        self.advance(60)
        self.assertEqual(self.received(), [{"STOPPING": "1"}])
