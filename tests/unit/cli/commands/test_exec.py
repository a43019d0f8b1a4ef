"""``exec``: its words, its streams and terminal, and its status."""

from __future__ import annotations

import os
import pty
import signal
import termios
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.exec import Descriptors, attend
from daprdockr.cli.outcome import CommandStatus
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind, window
from daprdockr.model.session import ExecAsked, SessionAsked
from daprdockr.model.stored.claim import ClaimRecord
from tests.build.command_line import ShowCase
from tests.build.values import KEYS, instance, named
from tests.fakes.command_line import command_line
from tests.fakes.peer_node import PeerConnection, PeerNode, pipe


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
        self.store.put(KEYS.service(named("web").name), named("web").encode())
        done = command_line(self.store, "exec", "1.web.myapp", "--", "true")
        self.assertEqual((done.status, "on no node" in done.stderr), (3, True))
        self.claim(1, ClaimRecord("a"))
        self.assertEqual(command_line(self.store, "exec", "1.web.myapp", "--", "true").status, 3)
        self.store.put("/daprdockr/nodes/a", b"{}", self.store.lease)
        done = command_line(self.store, "exec", "1.web.myapp", "--", "true")
        self.assertEqual((done.status, "takes no sessions" in done.stderr), (1, True))


class AttendedTests(ShowCase):
    """A command on a node at loopback, with pipes or a terminal of the test."""

    def setUp(self) -> None:
        super().setUp()
        self.claim(1, ClaimRecord("a"))
        self.heard: list[tuple[FrameKind, bytes] | None] = []
        self.asked: list[SessionAsked] = []

    def attend(self, play: Callable[[PeerConnection], object], here: Descriptors, *flags: str, **changes: Any) -> int:
        """Run a command that the node plays once it has accepted it; return the status."""

        def accepted(one: PeerConnection) -> None:
            self.asked.append(one.accept().asked)
            play(one)

        node = PeerNode(self, accepted)
        self.store.put(KEYS.node("a"), node.record().encode(), self.store.lease)
        request = evolve(read_request(["exec", *flags, "1.web.myapp", "--", "sh"], {}), **changes)
        try:
            attend(request, self.store, here)
        except CommandStatus as ended:
            return ended.status
        return 0

    def test_output(self) -> None:
        """Output and errors go where they belong, and the status of the command is that of the whole."""
        (out, stdout), (errors, stderr) = pipe(self), pipe(self)
        frames = (FrameKind.OUTPUT, b"hi"), (FrameKind.ERRORS, b"no"), (FrameKind.STATUS, b"77")
        self.assertEqual(self.attend(lambda one: one.send(*frames), Descriptors(-1, stdout, stderr)), 77)
        self.assertEqual((os.read(out, 10), os.read(errors, 10)), (b"hi", b"no"))
        self.assertEqual(self.asked, [ExecAsked(instance(1), ("sh",))])
        self.assertEqual(
            self.attend(lambda one: one.send((FrameKind.STATUS, b"0")), Descriptors(-1, stdout, stderr)), 0
        )

    def test_input(self) -> None:
        """With -i stdin is passed on, to its end."""
        (stdin, typed), (_, stdout) = pipe(self), pipe(self)
        os.write(typed, b"ls")
        os.close(typed)

        def play(one: PeerConnection) -> None:
            self.heard += [one.next(), one.next()]
            one.send((FrameKind.STATUS, b"0"))

        self.attend(play, Descriptors(stdin, stdout, stdout), "-i")
        self.assertEqual(self.heard, [(FrameKind.INPUT, b"ls"), (FrameKind.INPUT_ENDS, b"")])

    def test_signal(self) -> None:
        """Without a terminal a signal is passed on, and does not end the command line."""
        out, stdout = pipe(self)

        def play(one: PeerConnection) -> None:
            one.send((FrameKind.OUTPUT, b"begun"))
            os.read(out, 10)  # so signals are caught by now
            os.kill(os.getpid(), signal.SIGUSR1)
            self.heard.append(one.next())
            one.send((FrameKind.STATUS, b"0"))

        self.attend(play, Descriptors(-1, stdout, stdout))
        self.assertEqual(self.heard, [(FrameKind.SIGNAL, b"USR1")])

    def test_terminal(self) -> None:
        """A terminal is raw meanwhile, its size and each new one are sent, and it is afterwards as it was."""
        master, terminal = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, terminal)
        termios.tcsetwinsize(terminal, (30, 100))
        before, shown = termios.tcgetattr(terminal), list[bytes]()

        def play(one: PeerConnection) -> None:
            one.send((FrameKind.OUTPUT, b"$ "))
            shown.append(os.read(master, 10))
            self.assertNotEqual(termios.tcgetattr(terminal), before)
            termios.tcsetwinsize(terminal, (40, 120))
            os.kill(os.getpid(), signal.SIGWINCH)
            self.heard.append(one.next())
            one.send((FrameKind.STATUS, b"0"))

        self.attend(play, Descriptors(terminal, terminal, terminal), "-t", interactive=True)
        self.assertEqual(self.asked, [ExecAsked(instance(1), ("sh",), True, True, 30, 100)])
        self.assertEqual((self.heard, shown), ([(FrameKind.WINDOW, window(40, 120))], [b"$ "]))
        self.assertEqual(termios.tcgetattr(terminal), before)

    def test_terminated(self) -> None:
        """A signal that ends the command line leaves no terminal that is raw; the status is that of a shell."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            master, terminal = pty.openpty()
            self.addCleanup(os.close, master)
            self.addCleanup(os.close, terminal)
            former = signal.signal(number, lambda number, frame: None)
            self.addCleanup(signal.signal, number, former)
            before = termios.tcgetattr(terminal)

            def play(one: PeerConnection, master: int = master, number: int = number) -> None:
                one.send((FrameKind.OUTPUT, b"$ "))
                os.read(master, 10)  # so signals are caught by now
                os.kill(os.getpid(), number)
                one.next()  # its end

            status = self.attend(play, Descriptors(terminal, terminal, terminal), "-t", interactive=True)
            self.assertEqual((status, termios.tcgetattr(terminal)), (128 + number, before))

    def test_nobody_reads(self) -> None:
        """The end of the program that reads the output ends the whole, as in any pipe."""
        reader, stdout = pipe(self)
        os.close(reader)

        def play(one: PeerConnection) -> None:
            one.send((FrameKind.OUTPUT, b"hi"))
            self.heard.append(one.next())

        self.assertRaises(BrokenPipeError, self.attend, play, Descriptors(-1, stdout, stdout))
