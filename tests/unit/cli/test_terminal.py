"""The terminal while another program has it, and signals that are passed on."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.terminal import caught, raw, size_of


class TerminalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.master, self.terminal = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.terminal)

    def test_restored(self) -> None:
        """The terminal is afterwards as it was, also after an error."""
        before = termios.tcgetattr(self.terminal)
        with raw(self.terminal):
            self.assertNotEqual(termios.tcgetattr(self.terminal), before)
        try:
            with raw(self.terminal):
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        self.assertEqual(termios.tcgetattr(self.terminal), before)

    def test_gone(self) -> None:
        """A terminal that is gone by the end need not be restored."""
        master, terminal = pty.openpty()
        self.addCleanup(os.close, terminal)
        with raw(terminal):
            os.close(master)

    def test_size(self) -> None:
        """The size is that of the terminal; another descriptor has none."""
        termios.tcsetwinsize(self.terminal, (30, 100))
        self.assertEqual(size_of(self.terminal), (30, 100))
        reader, writer = os.pipe()
        self.assertEqual(size_of(reader), (0, 0))
        os.close(reader)
        os.close(writer)


class SignalTests(SynchronousTestCase):
    def test_caught(self) -> None:
        """A signal wakes, is handed over by its name later, and is again what it was afterwards."""
        before, found = signal.getsignal(signal.SIGUSR1), list[str]()
        with caught(("USR1", "WINCH"), found.append) as (wake, hand_over):
            signal.raise_signal(signal.SIGUSR1)
            ready, _, _ = select.select([wake], [], [], 10)
            self.assertEqual((ready, found), ([wake], []))
            hand_over()
        self.assertEqual((found, signal.getsignal(signal.SIGUSR1)), (["USR1"], before))

    def test_ignored(self) -> None:
        """HUP that is ignored, as by nohup, is not caught, and does not end what is to outlive the terminal."""
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_IGN))
        found = list[str]()
        with caught(("HUP", "USR1"), found.append) as (_, hand_over):
            for number in (signal.SIGHUP, signal.SIGUSR1):
                signal.raise_signal(number)
            hand_over()
        self.assertEqual((found, signal.getsignal(signal.SIGHUP)), (["USR1"], signal.SIG_IGN))
