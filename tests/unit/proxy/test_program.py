"""Running the nginx program for a moment, with processes in memory."""

from __future__ import annotations

import errno
import signal
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import ProxyError
from daprdockr.proxy.program import GIVE_UP, MAX_OUTPUT, Execution, NginxProgram, arguments, gave_up, reason_in


@define
class Spawned:
    """A process and its transport."""

    protocol: Execution
    argv: list[str]
    signals: list[str] = field(factory=list)
    alive: bool = True

    def signalProcess(self, name: str) -> None:  # noqa: N802 - Twisted's name
        if not self.alive:
            raise ProcessExitedAlready()
        self.signals.append(name)

    def end(self, output: bytes = b"", status: int = 0, killed: bool = False) -> None:
        self.protocol.childDataReceived(2, output)
        self.alive = False
        by = signal.SIGKILL if killed else None
        reason = ProcessTerminated(status or None, by, 0) if status or killed else ProcessDone(0)
        self.protocol.processEnded(Failure(reason))


class Spawner(Clock):
    """A clock that spawns."""

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[Spawned] = []

    def spawnProcess(self, protocol: Any, program: str, argv: list[str], env: dict[str, str]) -> None:  # noqa: N802
        process = Spawned(protocol, argv)
        self.spawned.append(process)
        protocol.makeConnection(process)


class Crowded(Spawner):
    """One on a host without a process left, once."""

    def spawnProcess(self, *words: Any, **named: Any) -> None:  # noqa: N802
        if not self.spawned:
            self.spawned.append(Spawned(Execution(), []))
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        super().spawnProcess(*words, **named)


class NginxProgramTests(SynchronousTestCase):
    """``NginxProgram``; its program is a shell, as that is certainly there, which never runs."""

    def setUp(self) -> None:
        self.reactor = Spawner()
        self.program = NginxProgram(path="sh", environment={"PATH": "/bin"}, reactor=self.reactor, timeout=30.0)

    def test_version(self) -> None:
        """The version is read from nginx's output, of any build."""
        for said, expected in [
            (b"nginx version: nginx/1.22.1\n", (1, 22, 1)),
            (b"nginx version: nginx/1.18.0 (Ubuntu)\n", (1, 18, 0)),
            (b"nginx version: openresty/1.25.3.1\n", (1, 25, 3)),
        ]:
            found = self.begun(self.program.version())
            self.reactor.spawned[-1].end(said)
            self.assertEqual(self.successResultOf(found), expected)
        self.assertEqual(self.reactor.spawned[0].argv, ["/bin/sh", "-v"])

    def test_no_version(self) -> None:
        """A program that says something else is not nginx."""
        found = self.begun(self.program.version())
        self.reactor.spawned[-1].end(b"Usage:\nsh")
        self.assertIn(r"sh -v said 'Usage:\nsh': give the path", str(self.failureResultOf(found, ProxyError).value))

    def test_absent(self) -> None:
        """A program that is not there is named, with the package that brings it."""
        program = NginxProgram(path="no-such", environment={"PATH": "/bin"}, reactor=self.reactor)
        error = self.failureResultOf(self.begun(program.version()), ProxyError).value
        self.assertIn("program no-such is not there: install the Debian package nginx", str(error))
        self.assertEqual(self.reactor.spawned, [])

    def test_no_process_left(self) -> None:
        """A host without a process left says so in one line, and the next attempt is a new one."""
        program = NginxProgram(path="sh", environment={"PATH": "/bin"}, reactor=(reactor := Crowded()))
        error = self.failureResultOf(self.begun(program.version()), ProxyError).value
        self.assertEqual(str(error), "sh cannot be run now, and is tried again: Resource temporarily unavailable")
        asked = self.begun(program.version())
        reactor.spawned[-1].end(b"nginx version: nginx/1.22.1")
        self.assertEqual(self.successResultOf(asked), (1, 22, 1))

    def test_accepted(self) -> None:
        """A test that ends well says nothing."""
        tested = self.begun(self.program.test(["-c", "/x"]))
        self.assertEqual(self.reactor.spawned[-1].argv, ["/bin/sh", "-t", "-q", "-c", "/x"])
        self.reactor.spawned[-1].end()
        self.assertIsNone(self.successResultOf(tested))

    def test_refused(self) -> None:
        """A test that fails gives nginx's own reason, on one line."""
        tested = self.begun(self.program.test(["-c", "/x"]))
        self.reactor.spawned[-1].end(
            b'nginx: [warn] something\nnginx: [emerg] unknown directive "x" in /x:1\nnginx: failed\n',
            status=1,
        )
        self.assertEqual(
            str(self.failureResultOf(tested, ProxyError).value),
            'nginx refused the configuration: unknown directive "x" in /x:1',
        )

    def test_refused_in_silence(self) -> None:
        """A test that fails without a reason gives its exit status, also when it was killed."""
        for ending, expected in [({"status": 7}, "exit status 7"), ({"killed": True}, "exit status -1")]:
            tested = self.begun(self.program.test(["-c", "/x"]))
            self.reactor.spawned[-1].end(**ending)  # type: ignore[arg-type] # mypy joins the two dicts
            self.assertIn(expected, str(self.failureResultOf(tested, ProxyError).value))

    def test_time_is_up(self) -> None:
        """A run that takes too long is killed and fails; its late end is nobody's concern."""
        tested = self.begun(self.program.test(["-c", "/x"]))
        self.reactor.advance(30)
        self.assertEqual(self.reactor.spawned[-1].signals, ["KILL"])
        error = self.failureResultOf(tested, ProxyError).value
        self.assertEqual(str(error), "nginx -t took more than 30.0 s and was killed")
        self.reactor.spawned[-1].end(killed=True)

    def test_gone(self) -> None:
        """A run that was called off is waited for until its process has ended."""
        tested = self.begun(self.program.test(["-c", "/x"]))
        tested.cancel()
        self.failureResultOf(tested, CancelledError)
        gone = self.begun(self.program.gone())
        self.assertNoResult(gone)
        self.reactor.spawned[-1].end(killed=True)
        self.assertIsNone(self.successResultOf(gone))
        self.assertIsNone(self.successResultOf(self.begun(self.program.gone())))

    def test_never_gone(self) -> None:
        """A process that not even a kill ends is waited for a while only; its late end does no harm."""
        tested = self.begun(self.program.test(["-c", "/x"]))
        tested.cancel()
        self.failureResultOf(tested, CancelledError)
        gone = self.begun(self.program.gone())
        self.reactor.advance(GIVE_UP)
        self.assertIsNone(self.successResultOf(gone))
        self.reactor.spawned[-1].end(killed=True)

    def test_output_is_bounded(self) -> None:
        """The output of a run beyond a bound is dropped."""
        execution = Execution()
        for _ in range(3):
            execution.childDataReceived(1, b"x" * MAX_OUTPUT)
        execution.processEnded(Failure(ProcessDone(0)))
        self.assertEqual(self.successResultOf(execution.finished), (0, "x" * MAX_OUTPUT))

    def begun(self, coroutine: Any) -> Any:
        return Deferred.fromCoroutine(coroutine)


class WordsTests(SynchronousTestCase):
    """The information that is read from nginx's messages."""

    TAKEN = "2026/01/01 10:00:00 [emerg] 77#77: bind() to 0.0.0.0:80 failed (98: Address already in use)\n"

    def test_reason(self) -> None:
        """The reason is the first emergency, without time and pid."""
        said = self.TAKEN * 2 + "2026/01/01 10:00:02 [emerg] 77#77: still could not bind()\n"
        self.assertEqual(reason_in(said), "bind() to 0.0.0.0:80 failed (98: Address already in use)")
        self.assertEqual(reason_in("2026/01/01 10:00:00 [error] 77#77: *1 connect() failed\n"), "")

    def test_gave_up(self) -> None:
        """A taken port is no reason to give up until nginx says so."""
        self.assertFalse(gave_up(self.TAKEN * 3))
        self.assertTrue(gave_up(self.TAKEN + "2026/01/01 10:00:02 [emerg] 77#77: still could not bind()\n"))
        self.assertTrue(gave_up("nginx: [emerg] unknown directive\n"))

    def test_words_of_a_client(self) -> None:
        """A path in the log is no emergency: otherwise clients could keep a configuration from taking effect."""
        said = '2026/01/01 10:00:00 [error] 77#77: *1 connect() failed, request: "GET /[emerg] HTTP/1.1", host: "a"\n'
        self.assertFalse(gave_up(said))
        self.assertEqual(reason_in(said), "")

    def test_end_of_an_earlier_attempt(self) -> None:
        """An nginx whose attempt began earlier has not said which port is taken; the next one says it."""
        ended = "2026/01/01 10:00:02 [emerg] 76#76: still could not bind()\n"
        self.assertFalse(gave_up(ended))
        self.assertFalse(gave_up(""))
        self.assertFalse(gave_up(ended + self.TAKEN))
        self.assertTrue(gave_up(ended + self.TAKEN + ended))
        taken = "bind() to 0.0.0.0:80 failed (98: Address already in use)"
        self.assertEqual(reason_in(ended + self.TAKEN), taken)

    def test_arguments(self) -> None:
        """The compiled-in error log is avoided where nginx knows how."""
        directory, configuration = Path("/s/nginx"), Path("/s/nginx/nginx.conf")
        plain = ["-c", "/s/nginx/nginx.conf", "-p", "/s/nginx/"]
        self.assertEqual(arguments(directory, configuration, (1, 19, 4)), plain)
        self.assertEqual(arguments(directory, configuration, (1, 19, 5)), [*plain, "-e", "stderr"])
