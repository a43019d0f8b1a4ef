"""The supervised nginx, with a reactor, a kernel and an nginx in memory."""

from __future__ import annotations

import errno
import json
import re
import signal
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.error import ConnectError, ConnectionDone, ProcessDone, ProcessTerminated
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.troubles.http import FilesUnwritable, NginxDown, NginxNotStarted, NginxUnusable, RoutesNotServed
from daprdockr.process.supervised import SupervisedProcess
from daprdockr.proxy.applier import DISK_RETRY
from daprdockr.proxy.beginning import ABSENT_RETRY, FIRST_ROUTES
from daprdockr.proxy.configuration import HttpListener, NginxSettings
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.routes import Route, Upstream
from daprdockr.proxy.taking_up import TAKE_UP
from tests.fakes.process import MemoryProcess, ProcessReactor

T = TypeVar("T")

WEB = ServiceName(group="shop", service="web")


def route(host_name: str) -> Route:
    return Route(host_name, WEB, (Upstream(InstanceName(WEB, 1), "10.0.0.1", 8080),))


class NginxReactor(ProcessReactor):
    """
    A reactor on a machine with nginx.

    :ivar serving: the generation that answers on the socket; empty while none does.
    :ivar held: the host names that nginx has routes of; None before it was given any.
    :ivar quick: whether a started nginx answers at once, and takes up each reload.
    :ivar refuses: what ``nginx -t`` complains of; empty while it is content.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        self.serving = ""
        self.held: set[str] | None = None
        self.version = 0
        self.lua = b"configure arguments: --add-module=../ngx_lua-0.10.26\n"
        self.quick = True
        self.refuses = b""
        self.tests = 0

    def spawnProcess(  # noqa: N802 - Twisted's name
        self,
        protocol: Any,
        executable: str,
        argv: list[str],
        env: dict[str, str],
        childFDs: Any = None,  # noqa: N803
    ) -> Any:
        if childFDs is None:
            return self._momentary(protocol, argv)
        process = super().spawnProcess(protocol, executable, argv, env, childFDs)
        if self.quick:
            self.take_up()
        return process

    def _momentary(self, protocol: Any, argv: list[str]) -> None:
        protocol.makeConnection(StringTransport())
        if argv[1] == "-v":
            protocol.childDataReceived(2, b"nginx version: nginx/1.22.1\n")
        elif argv[1] == "-V":
            protocol.childDataReceived(2, self.lua)
        else:
            self.tests += 1
            protocol.childDataReceived(2, self.refuses)
        protocol.processEnded(Failure(ProcessTerminated(1) if argv[1] == "-t" and self.refuses else ProcessDone(0)))

    def take_up(self) -> None:
        """Serve what the configuration file says."""
        found = re.search('return 200 "([0-9a-f]+)"', (self.directory / "nginx.conf").read_text())
        assert found is not None
        self.serving = found.group(1)

    def connectUNIX(self, path: str, factory: Any, timeout: float, checkPID: Any = 0) -> None:  # noqa: N802,N803
        for process in self.living:
            while self.quick and signal.SIGHUP in process.signals:
                process.signals.remove(signal.SIGHUP)
                self.take_up()
        if not self.serving:
            factory.clientConnectionFailed(None, Failure(ConnectError()))
            return
        protocol = factory.buildProtocol(UNIXAddress(path))
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n" + self._answer(transport.value()).encode())
        protocol.connectionLost(Failure(ConnectionDone()))

    def _answer(self, request: bytes) -> str:
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"GET /generation"):
            return self.serving
        if head.startswith(b"GET /busy"):
            return "10.0.0.9:80"
        if head.startswith(b"POST"):
            message = json.loads(body)
            held = set() if message.get("whole") or self.held is None else self.held
            self.held = {name for name, value in ({name: 1 for name in held} | message["hosts"]).items() if value}
            self.version = message["version"]
        return str(self.version)


class NginxTests(SynchronousTestCase):
    """``Nginx`` beside a program that is called ``sh`` and never runs."""

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dapr-nginx-"))
        self.addCleanup(FilePath(str(self.directory)).remove)
        self.reactor = NginxReactor(self.directory)

    def nginx(self, path: str = "sh", port: int = 80, files: int = 65536, **changes: Any) -> Nginx:
        listeners = (HttpListener("127.0.0.1", port),)
        nginx = Nginx(
            program=NginxProgram(path=path, environment={"PATH": "/usr/bin:/bin"}, reactor=self.reactor),
            settings=NginxSettings(directory=str(self.directory), listeners=listeners, open_files=files),
            reactor=self.reactor,
            supervise=partial(SupervisedProcess, table=self.reactor.table),
            **{"run": execute, **changes},
        )
        self.addCleanup(self.stop, nginx)
        return nginx

    def stop(self, nginx: Nginx) -> None:
        if nginx.running:
            nginx.stopService()
        for process in self.reactor.living:
            process.end()

    def started(self, *host_names: str, **changes: Any) -> Nginx:
        nginx = self.nginx(**changes)
        nginx.startService()
        nginx.door.publish([route(name) for name in host_names])
        self.pass_time(1)
        return nginx

    def restarted(self, port: int) -> Nginx:
        """An agent with another listener than the one before it, whose nginx has ended; not configured yet."""
        self.stop(self.started("a.com"))
        self.reactor.serving = ""
        nginx = self.nginx(port=port)
        nginx.startService()
        return nginx

    def pass_time(self, seconds: float) -> None:
        """In small steps: a chain of pauses needs as many."""
        self.reactor.pump([0.01] * int(seconds * 100))

    @property
    def master(self) -> MemoryProcess:
        [process] = self.reactor.living
        return process

    def installed(self) -> str:
        return (self.directory / "nginx.conf").read_text()

    def test_full_disk(self) -> None:
        """An agent that starts on a full disk serves soon after there is room, without a traceback."""
        full = [True]

        def run(call: Callable[..., T], *arguments: Any) -> Deferred[T]:
            if full and call.__name__ in ("prepare", "propose"):
                return fail(OSError(errno.ENOSPC, "No space left on device"))
            return execute(call, *arguments)

        with capturedLogs() as logged:
            nginx = self.started("a.com", run=run)
            self.pass_time(100)
            self.assertIn("No space left", nginx.status.reason)
            full.clear()
            self.pass_time(2 * DISK_RETRY)
        self.assertEqual((nginx.status.reason, nginx.pid), ("", self.master.pid))
        self.assertEqual([event for event in logged if "log_failure" in event], [])
        self.assertIn("could not bring the configuration of nginx into effect", formatEvent(logged[0]))

    def test_condition(self) -> None:
        """The condition is a value, as long as there is something wrong."""
        nginx = self.nginx()
        nginx.startService()
        self.assertEqual(nginx.condition, NginxNotStarted())
        nginx.door.publish([route("a.com")])
        self.pass_time(1)
        self.assertIsNone(nginx.condition)
        self.master.end(status=1)
        self.assertEqual(nginx.condition, NginxDown("exit status 1"))
        self.pass_time(3)
        self.reactor.serving = ""
        nginx.door.publish([route("b.com")])
        self.pass_time(1)
        self.assertEqual(nginx.condition, RoutesNotServed("nginx did not take the routes: no answer"))

    def test_condition_without_a_program(self) -> None:
        """As long as nginx cannot be started again, that is the condition, not that it takes no routes."""
        program = self.directory / "nginx-program"
        program.touch(mode=0o755)
        nginx = self.nginx(path=str(program))
        nginx.startService()
        nginx.door.publish([route("a.com")])
        self.pass_time(1)
        program.unlink()
        self.reactor.serving = ""
        self.master.end(status=1)
        self.pass_time(5)
        self.assertIn(f"program {program} is not installed", nginx.status.reason)

    def test_condition_before_the_start(self) -> None:
        """A program that is not there, and a disk that takes no files, are different conditions."""
        absent = self.nginx(path=str(self.directory / "nginx-program"))
        absent.startService()
        self.assertIsInstance(absent.condition, NginxUnusable)
        full = self.nginx(run=lambda call, *arguments: fail(OSError(errno.ENOSPC, "No space left on device")))
        full.startService()
        self.assertEqual(full.condition, FilesUnwritable(str(self.directory), "No space left on device"))

    def test_few_files(self) -> None:
        """A limit of open files with which nginx serves few requests at once is reported before that many come."""
        with capturedLogs() as logged:
            self.nginx().startService()
            self.assertEqual([event for event in logged if event["log_level"] is LogLevel.warn], [])
            self.nginx(files=1024).startService()
        [told] = [formatEvent(event) for event in logged if event["log_level"] is LogLevel.warn]
        self.assertTrue(told.startswith("each worker of nginx may have 1024 open files, which is enough for 256"), told)

    def test_first_start(self) -> None:
        """nginx is started before there are routes, and given them when there are."""
        nginx = self.nginx()
        nginx.startService()
        self.pass_time(1)
        self.assertEqual((nginx.pid, self.reactor.held), (self.master.pid, None))
        self.assertEqual((nginx.status.reason, nginx.status.changes), ("", 0))
        nginx.door.publish([route("a.com")])
        self.pass_time(0.1)
        self.assertEqual((nginx.status.running, nginx.status.reason, nginx.status.changes), (True, "", 1))
        self.assertEqual((nginx.status.generation, self.reactor.held), (self.reactor.serving, {"a.com"}))

    def test_command_line(self) -> None:
        """nginx is started in a session of its own, with the path that identifies it first."""
        self.started("a.com")
        self.assertEqual(self.master.argv[0].rpartition("/")[2], "setsid")
        self.assertEqual(
            self.master.argv[2:],
            ["-c", f"{self.directory}/nginx.conf", "-p", f"{self.directory}/", "-e", "stderr"],
        )
        self.assertEqual(set(self.master.descriptors), {0, 1, 2})

    def test_known_configuration(self) -> None:
        """The last good configuration of an earlier agent is started on at once."""
        self.stop(self.started("a.com"))
        self.reactor.serving = ""
        second = self.nginx()
        second.startService()
        self.assertIsNotNone(second.pid)

    def succeeding(self, **changes: Any) -> Nginx:
        """An agent with another listener, whose nginx is one of a version that stored no routes."""
        self.stop(self.started("a.com"))
        (self.directory / "routes.json").unlink()
        nginx = self.nginx(port=81, **changes)
        nginx.startService()
        self.pass_time(1)
        self.assertEqual((nginx.pid, self.master.signals), (self.master.pid, []))
        self.assertIn("127.0.0.1:80", self.installed())
        return nginx

    def test_without_routes(self) -> None:
        """An nginx without stored routes takes up another configuration when there are routes that it can read then."""
        nginx = self.succeeding()
        nginx.door.publish([route("b.com")])
        kept = json.loads((self.directory / "routes.json").read_text())
        self.assertEqual((list(kept["hosts"]), kept["version"]), (["b.com"], 0))
        self.pass_time(1)
        self.assertIn("127.0.0.1:81", self.installed())
        self.assertEqual((nginx.status.reason, self.reactor.held), ("", {"b.com"}))
        nginx.door.publish([route("c.com")])
        self.pass_time(1)
        self.assertEqual(self.reactor.held, {"c.com"})

    def test_without_any_routes(self) -> None:
        """If there are none for long, it takes up its configuration nevertheless."""
        self.succeeding()
        self.pass_time(FIRST_ROUTES)
        self.assertIn("127.0.0.1:81", self.installed())

    def test_no_room_for_routes(self) -> None:
        """A full disk keeps no configuration back."""

        def run(call: Callable[..., T], *arguments: Any) -> Deferred[T]:
            if call.__name__ == "keep_state":
                return fail(OSError(errno.ENOSPC, "No space left on device"))
            return execute(call, *arguments)

        self.succeeding(run=run).door.publish([route("b.com")])
        self.pass_time(1)
        self.assertIn("127.0.0.1:81", self.installed())

    def test_change(self) -> None:
        """New routes are given to the nginx that runs: no test, no signal, no other file; and kept for the next one."""
        nginx = self.started("a.com")
        before = self.installed()
        nginx.door.publish([route("b.com")])
        self.pass_time(2)
        self.assertEqual((nginx.status.changes, self.reactor.tests, len(self.reactor.processes)), (2, 1, 1))
        self.assertEqual((self.reactor.held, self.master.signals, self.installed()), ({"b.com"}, [], before))
        kept = json.loads((self.directory / "routes.json").read_text())
        self.assertEqual(list(kept["hosts"]), ["b.com"])

    def test_reload(self) -> None:
        """Another configuration than that of the nginx that runs is tested, installed, signalled and remembered."""
        nginx = self.restarted(port=81)
        self.pass_time(1)
        self.assertEqual((nginx.status.reason, self.reactor.tests, len(self.reactor.living)), ("", 2, 1))
        self.assertIn("listen 127.0.0.1:81 ", self.installed())
        self.assertEqual((self.directory / "last-good.conf").read_text(), self.installed())

    def test_refused(self) -> None:
        """A configuration that ``nginx -t`` refuses is not installed, and is tried again."""
        nginx = self.restarted(port=81)
        before, self.reactor.refuses = self.installed(), b"nginx: [emerg] no\n"
        self.pass_time(1)
        self.assertEqual(nginx.status.reason, "nginx refused the configuration: no")
        self.assertEqual((self.installed(), self.master.signals), (before, []))
        self.reactor.refuses = b""
        self.pass_time(3)
        self.assertEqual(nginx.status.reason, "")

    def test_not_taken_up(self) -> None:
        """A reload that has no effect within its time fails, and the last good configuration is put back."""
        nginx = self.restarted(port=81)
        before, self.reactor.quick = self.installed(), False
        self.pass_time(1)
        self.assertNotEqual(self.installed(), before)
        self.assertEqual(self.master.signals, [signal.SIGHUP])
        self.pass_time(TAKE_UP)
        self.assertIn("nginx did not take up the configuration: no answer within 10 s", nginx.status.reason)
        self.assertEqual(self.installed(), before)

    def test_reload_fails_with_a_reason(self) -> None:
        """A reload that nginx gives up on fails as soon as it says so, with its reason."""
        nginx = self.restarted(port=81)
        self.reactor.quick = False
        self.pass_time(0.5)
        self.assertEqual(nginx.status.reason, "")
        with (self.directory / "error.log").open("a") as log:
            log.write("t [emerg] 1#1: bind() to 127.0.0.1:80 failed\n")
            self.pass_time(0.5)
            self.assertEqual(nginx.status.reason, "")
            log.write("t [emerg] 1#1: still could not bind()\n")
        self.pass_time(0.5)
        self.assertIn("configuration: bind() to 127.0.0.1:80 failed", nginx.status.reason)

    def test_lost_socket(self) -> None:
        """An nginx that runs without its socket, which somebody removed, is started anew to get it back."""
        nginx = self.started("a.com")
        self.reactor.serving = ""
        nginx.door.publish([route("b.com")])
        self.pass_time(1)
        self.assertEqual(self.master.signals[0], signal.SIGTERM)
        self.master.end()
        self.pass_time(5)
        self.assertEqual((nginx.status.reason, self.reactor.held), ("", {"b.com"}))

    def test_no_signal_before_the_first_answer(self) -> None:
        """A master that has not answered yet is not signalled: it would die of it."""
        self.stop(self.started("a.com"))
        self.reactor.serving, self.reactor.quick = "", False
        nginx = self.nginx(port=81)
        nginx.startService()
        self.pass_time(1)
        self.assertEqual(self.master.signals, [])
        self.reactor.serving = "an older one"
        self.pass_time(1)
        self.assertEqual(self.master.signals, [signal.SIGHUP])

    def test_started_anew(self) -> None:
        """An nginx that was started anew gets all routes, also those that changed while there was none."""
        nginx = self.started("a.com")
        self.master.end(status=1)
        self.assertEqual(nginx.status.reason, "nginx does not run: exit status 1")
        self.reactor.serving, self.reactor.held, self.reactor.version = "", None, 0
        nginx.door.publish([route("a.com"), route("b.com")])
        self.pass_time(5)
        self.assertEqual((len(self.reactor.living), nginx.status.reason), (1, ""))
        self.assertEqual(self.reactor.held, {"a.com", "b.com"})

    def test_served_already(self) -> None:
        """A configuration that nginx serves already is neither tested nor signalled, only remembered."""
        first = self.started("a.com")
        first.stopService()
        (self.directory / "last-good.conf").unlink()
        self.started("a.com")
        self.assertEqual((self.reactor.tests, self.master.signals), (1, []))
        self.assertTrue((self.directory / "last-good.conf").exists())

    def test_no_lua(self) -> None:
        """An nginx without Lua serves nothing, and one line says what to install."""
        self.reactor.lua = b"configure arguments: --modules-path=/nonexistent\n"
        nginx = self.started("a.com")
        self.assertIn("has no Lua module: install libnginx-mod-http-lua", nginx.status.reason)
        self.assertEqual(self.reactor.processes, [])

    def test_absent_program(self) -> None:
        """A program that is not there is looked for again, rarely; once it is there its nginx serves."""
        nginx = self.nginx(path=str(self.directory / "nginx-program"))
        nginx.startService()
        nginx.door.publish([route("a.com")])
        self.assertIn("install the Debian package nginx", nginx.status.reason)
        (self.directory / "nginx-program").touch(mode=0o755)
        self.reactor.advance(ABSENT_RETRY - 1)
        self.assertIsNone(nginx.pid)
        self.reactor.advance(1)
        self.pass_time(1)
        self.assertEqual((nginx.status.running, nginx.status.reason), (True, ""))

    def test_former_without_a_program(self) -> None:
        """An nginx that an earlier agent left is given routes also while there is no program to start."""
        nginx, _ = self.left_without_a_program()
        self.assertEqual((self.reactor.held, len(self.reactor.living)), ({"b.com"}, 1))
        self.assertIn("install the Debian package nginx", nginx.status.reason)

    def left_without_a_program(self) -> tuple[Nginx, Path]:
        """An agent with the nginx of an earlier one, which was given routes; and the program, which is not there."""
        program = self.directory / "nginx-program"
        program.touch(mode=0o755)
        self.started("a.com", path=str(program)).stopService()
        program.unlink()
        (self.directory / "generation.sock").touch()
        nginx = self.nginx(path=str(program))
        nginx.startService()
        nginx.door.publish([route("b.com")], 5)
        self.pass_time(1)
        return nginx, program

    def test_former_under_way(self) -> None:
        """Containers are stopped neither before such an nginx has its routes, nor while it works on their requests."""
        nginx, _ = self.left_without_a_program()

        def found() -> tuple[int | None, set[str]]:
            return nginx.door.reached, set(self.successResultOf(Deferred.fromCoroutine(nginx.door.busy())))

        self.assertEqual(found(), (None, {"10.0.0.9:80"}))
        nginx.door.publish([route("c.com")], 6)
        self.assertEqual(found(), (5, {"10.0.0.9:80"}))
        self.pass_time(1)
        self.assertEqual(found(), (None, {"10.0.0.9:80"}))
        self.reactor.serving = ""  # it has ended, and leads nobody anywhere
        nginx.door.publish([route("d.com")], 7)
        self.pass_time(1)
        self.assertEqual(found(), (None, set()))

    def test_former_has_ended(self) -> None:
        """The one that is started in its place is given all routes: it may have begun with older ones."""
        nginx, program = self.left_without_a_program()
        self.master.end()
        self.reactor.serving, self.reactor.held, self.reactor.version = "", {"a.com"}, 0
        program.touch(mode=0o755)
        self.pass_time(ABSENT_RETRY + 1)
        self.assertEqual((nginx.pid, self.reactor.held), (self.master.pid, {"b.com"}))

    def test_stop_and_leave(self) -> None:
        """A stop leaves nginx alone by default, and no call behind in the reactor."""
        nginx = self.started("a.com")
        self.assertIsNone(self.successResultOf(nginx.stopService()))
        self.assertEqual((self.master.signals, self.reactor.getDelayedCalls()), ([], []))

    def test_stop_and_end(self) -> None:
        """A stop that ends nginx lets it finish its requests first, and waits for it."""
        nginx = self.started("a.com", leave_running=False)
        gone = nginx.stopService()
        assert gone is not None
        self.assertEqual(self.master.signals, [signal.SIGQUIT])
        self.assertNoResult(gone)
        self.master.end()
        self.successResultOf(gone)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_in_flight(self) -> None:
        """A stop in the middle of a publication ends it."""
        nginx = self.started("a.com")
        self.reactor.quick = False
        nginx.door.publish([route("b.com")])
        self.pass_time(0.5)
        nginx.stopService()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_before_the_program(self) -> None:
        """A stop while the program is not there leaves nothing behind."""
        nginx = self.nginx(path="no-such-program")
        nginx.startService()
        self.assertIsNone(self.successResultOf(nginx.stopService()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
