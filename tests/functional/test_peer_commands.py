"""Commands in a real container and connections to it, through the peer listener of its agent."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence

from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.session import ExecAsked
from daprdockr.model.stored.keys import Keys
from daprdockr.peer.admission import MOST
from daprdockr.sessions.client import PeerSession, SessionFailed, Sessions
from tests.rig.agent_process import PROGRAMS, AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import missing, shared

MEBIBYTE = 1024 * 1024
UNREAD = 12 * MEBIBYTE
"""More than an agent may grow by for a reader that stalls; it would be hundreds if it read on."""


class Terminal:
    """A terminal of a person, in which a program runs."""

    def __init__(self, command: Sequence[str], rows: int, columns: int) -> None:
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.execv(command[0], list(command))
        self.resize(rows, columns)
        self.modes = termios.tcgetattr(self._master)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Read until the pattern has appeared."""
        until(lambda: bool(re.search(pattern, self.read())), seen=lambda: self.seen)

    def read(self) -> str:
        os.set_blocking(self._master, False)
        with contextlib.suppress(OSError):
            self.seen += os.read(self._master, 65536).decode("utf-8", "replace")
        return self.seen

    def status(self) -> int:
        """The exit status of the program, which has to end."""
        ended: list[int] = []

        def has_ended() -> bool:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.append(status)
            return pid != 0

        until(has_ended, seen=lambda: self.seen)
        return os.waitstatus_to_exitcode(ended[-1])

    @property
    def is_restored(self) -> bool:
        return termios.tcgetattr(self._master) == self.modes

    def close(self) -> None:
        os.close(self._master)


class CommandsCase(TestCase):
    """One agent with one instance."""

    timeout = 300
    skip = missing()
    ttl = 6

    def setUp(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.agent.start(ttl=self.ttl)
        web = ServiceName(self.agent.group, "web")
        self.agent.define(str(web), 1, sample_image())
        self.instance = InstanceName(web, 1)
        self.store = EtcdStore(shared().access, timeout=5)
        self.addCleanup(self.store.close)
        self.sessions = Sessions(self.store, Keys(f"/{self.agent.group}"), "anna@desk", time.monotonic)

    def line(self, *words: str) -> list[str]:
        agent = self.agent
        return [str(PROGRAMS / "daprdockrcmd"), "-etcd", agent.etcd, "-prefix", f"/{agent.group}", *words]

    def run_in(self, *command: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
        """Run a command in the instance: its status, output and errors."""
        flags = ("-i",) if stdin is not None else ()
        words = self.line("exec", *flags, str(self.instance), "--", *command)
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def open(self, *command: str) -> PeerSession:
        return self.sessions.open(self.agent.node, ExecAsked(self.instance, command))

    def left_of(self, program: str) -> int:
        """How many processes of a program run in the container."""
        _, said, _ = self.run_in("ps")
        return sum(line.strip().endswith(program.encode()) for line in said.splitlines())


class CommandsTests(CommandsCase):
    """One command, or one connection, at a time."""

    def test_streams(self) -> None:
        """
        Output and errors stay apart, input ends, the exit status and signals come through, and a megabyte in both
        directions at once; an event records who ran what.
        """
        self.assertEqual(self.run_in("sh", "-c", "cat; echo bad >&2; exit 7", stdin=b"in"), (7, b"in", b"bad\n"))
        many = os.urandom(MEBIBYTE)
        self.assertEqual(self.run_in("cat", stdin=many), (0, many, b""))
        status, _, errors = self.run_in("no-such-program")
        self.assertTrue(status, errors)
        self.assertEqual(self.agent.run("exec", f"9.{self.instance.service}", "--", "true").returncode, 3)
        program = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"
        waiting = subprocess.Popen(
            self.line("exec", str(self.instance), "--", "sh", "-c", program), stdout=subprocess.PIPE
        )
        assert waiting.stdout is not None
        self.assertEqual(waiting.stdout.readline(), b"ready\n")
        waiting.send_signal(signal.SIGTERM)
        self.assertEqual(waiting.wait(60), 9)
        waiting.stdout.close()
        events = json.loads(self.agent.command("events", "-o", "json"))
        texts = [event["Text"] for event in events if event["Subject"] == str(self.instance)]
        self.assertTrue(any("runs sh -c 'cat; echo bad >&2; exit 7' from 127.0.0.1" in text for text in texts), texts)

    def test_terminal(self) -> None:
        """A shell has a real terminal, of this one's size also when that changes, which is restored at its end."""
        terminal = Terminal(self.line("exec", "-it", str(self.instance), "--", "sh"), 30, 100)
        self.addCleanup(terminal.close)
        terminal.type("stty size; echo $((40 + 2))\n")
        terminal.wait_for(r"30 100\r\n42\r\n")
        self.assertFalse(terminal.is_restored)
        terminal.resize(40, 120)

        def has_new_size() -> bool:
            terminal.type("stty size\n")
            return "40 120\r\n" in terminal.read()

        until(has_new_size, seen=lambda: terminal.seen)
        terminal.type("sleep 1000\n")
        terminal.wait_for("sleep 1000\r\n")
        terminal.type("\x03")
        terminal.type("exit 5\n")
        self.assertEqual(terminal.status(), 5)
        self.assertTrue(terminal.is_restored)

    def test_stalled(self) -> None:
        """A reader that stalls costs the agent nothing, and others have their sessions; its command ends with it."""
        before = self.agent.resident()
        stalled = [self.open("yes", "x" * 1000) for _ in range(3)]
        for _ in range(3):
            self.assertEqual(self.run_in("echo", "here"), (0, b"here\n", b""))
        grown = self.agent.resident() - before
        self.assertTrue(grown < UNREAD, f"{grown / MEBIBYTE:.1f} MiB more")
        for session in stalled:
            session.close()
        until(lambda: self.left_of("yes " + "x" * 1000) == 0)

    def test_forward(self) -> None:
        """A port here leads to one of the container, for one connection after the other, until a person ends it."""
        process = subprocess.Popen(
            self.line("forward", f"0:{self.instance}:8080"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        found = re.search(r"port (\d+) leads", process.stdout.readline())
        assert found is not None
        for _ in range(3):
            self.assertIn(str(self.instance), self.agent.curl("", f"http://127.0.0.1:{found[1]}/"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 130)
        process.stdout.close()
        process.stderr.close()


class CrowdTests(CommandsCase):
    """Many at once; the beats of the agent may come late, on a slow machine."""

    ttl = 20

    def test_many(self) -> None:
        """Of 200 commands at a time as many begin as there are places; the others are to try again, and then may."""
        begun, refused = list[PeerSession](), list[str]()

        def begin() -> None:
            try:
                begun.append(self.open("sleep", "77"))
            except SessionFailed as error:
                refused.append(str(error))

        threads = [threading.Thread(target=begin) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(begun), len(refused)), (MOST[ExecAsked], 200 - MOST[ExecAsked]), set(refused))
        self.assertEqual({"try again later" in text for text in refused}, {True}, set(refused))
        self.assertTrue(self.agent.is_well())
        for session in begun:
            session.close()
        until(lambda: self.run_in("true")[0] == 0)
        until(lambda: self.left_of("sleep 77") == 0)
