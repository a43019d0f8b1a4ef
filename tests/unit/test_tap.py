"""``twistd daprdockr`` gets an agent that has begun nothing yet, or one line that says why there is none."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.pruning import Pruning
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.options import Options
from daprdockr.model.errors import BadInput
from daprdockr.tap import Agent, makeService


class Unable(Service):
    """Cannot do at the start what it needs privileges for."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def privilegedStartService(self) -> None:
        raise self.error


class TapCase(SynchronousTestCase):
    """Agents made from command lines."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        root = logging.getLogger()
        self.addCleanup(setattr, root, "handlers", list(root.handlers))
        # Not mktemp(): the path of a Unix socket in it is limited to 107 bytes.
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state_dir = Path(directory.name) / "state"

    def options(self, *words: str) -> Options:
        options = Options(environment={})
        local = ["--node=a", "--host=127.0.0.1", "--etcd=http://127.0.0.1:1", f"--state-dir={self.state_dir}"]
        options.parseOptions([*local, *words])
        return options

    def make(self, *words: str) -> Agent:
        """An agent, whose state directory is let go at the end of the test."""
        agent = makeService(self.options(*words), self.reactor)
        assert isinstance(agent, Agent)
        self.addCleanup(agent._state.unlock)
        return agent

    def parts(self, agent: Agent) -> list[str]:
        return [type(part).__name__ if part.name is None else str(part.name) for part in agent]

    def refused(self, *words: str) -> str:
        """The line with which the program ends."""
        refusal = self.assertRaises(SystemExit, makeService, self.options(*words), self.reactor)
        line = str(refusal.code)
        self.assertEqual(len(line.splitlines()), 1)
        return line


class OrderTests(TapCase):
    """Which services, in which order."""

    THREADS = [
        "etcd",
        "heartbeat",
        "upkeep",
        "docker",
        "stops",
        "pulls",
        "checks",
        "ping",
        "files",
        "nginx",
        "guard",
        "acme",
        "joining",
        "images",
        "handing",
        "fetching",
    ]
    LOOPS = ["Journal", "Heartbeat", "Settling", "Host", "Pulse", "ContainerdPulse", "Mirror", "Witnesses"]
    LOOPS += ["HealthChecks", "ClusterProgress", "Reconcile"]
    LOOPS += ["Marking", "Doubting", "Departures", "OwnCourse", "HealthEvents"]
    LOOPS += ["Ownerless", "WriteCheck", "Orphans", "EtcdRoom", "Followed", "Followed"]

    def test_all(self) -> None:
        """Threads come before the edges that the loops publish to, those before the loops, and the API last."""
        agent = self.make("--dns=127.0.0.1:5353", "--http=127.0.0.1:8080", "--api=127.0.0.1:5080")
        loops = [*self.LOOPS, "Followed", "EtcdKeeping", "LastingTroubles", "PeerListener", "ApiListener", "ReadSocket"]
        self.assertEqual(self.parts(agent), [*self.THREADS, "DnsServer", "Nginx", "Relay", "Guarded", *loops])

    def test_off(self) -> None:
        """Parts that are off are absent."""
        agent = self.make("--dns=off", "--http=off", "--api=off", "--peer=off")
        loops = [*self.LOOPS, "EtcdKeeping", "LastingTroubles", "ReadSocket"]
        self.assertEqual(self.parts(agent), [*self.THREADS, "FormerNginx", "Relay", "Guarded", *loops])

    def test_extras(self) -> None:
        """A profile spans all; what an ephemeral agent takes down goes after the loops have ended."""
        profile = f"--cpuprofile={Path(self.mktemp())}"
        agent = self.make("--dns=off", "--http=off", "--api=off", "--peer=off", "--ephemeral", profile)
        loops = ["Ephemeral", *self.LOOPS, "EtcdKeeping", "LastingTroubles", "ReadSocket"]
        self.assertEqual(self.parts(agent), ["Profile", *self.THREADS, "FormerNginx", "Relay", "Guarded", *loops])

    def test_pruning(self) -> None:
        """Old images are removed where that is asked for."""
        agent = self.make("--dns=off", "--http=off", "--api=off", "--peer=off", "--prune-images=168")
        self.assertIn(("Orphans", "Pruning"), pairwise(self.parts(agent)))
        (pruning,) = (part for part in agent if isinstance(part, Pruning))
        self.assertFalse(pruning._is_certain())

    def test_systemd(self) -> None:
        """systemd's socket is for the agent alone, which reports last and, as it stops, first."""
        environment = {"NOTIFY_SOCKET": f"@daprdockr-tap-{os.getpid()}", "HOME": "/"}
        agent = makeService(self.options("--api=off", "--peer=off"), self.reactor, environment)
        assert isinstance(agent, Agent)
        self.addCleanup(agent._state.unlock)
        self.assertEqual((self.parts(agent)[-1], environment), ("ReportToSystemd", {"HOME": "/"}))


class NothingYetTests(TapCase):
    """Before the fork."""

    @contextmanager
    def nothing_opened(self, *allowed: Path) -> Iterator[None]:
        """No thread, and no descriptor but those of the ``allowed`` files."""

        def opened() -> set[str]:
            found = (Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd"))
            return {f"{path.name} {os.readlink(path)}" for path in found if path.is_symlink()}

        threads, before = set(threading.enumerate()), opened()
        yield
        self.assertEqual(set(threading.enumerate()), threads)
        names = {text.partition(" ")[2] for text in opened() - before}
        self.assertEqual(names, {str(path.resolve()) for path in allowed})

    def test_nothing_opened(self) -> None:
        """Making the agent opens no channel, socket or client and starts no thread: twistd forks after it."""
        with self.nothing_opened(self.state_dir / "lock"):
            self.make("--dns=127.0.0.1:5353", "--http=127.0.0.1:8080", "--ephemeral")
        self.assertEqual((self.reactor.tcpServers, self.reactor.getDelayedCalls()), ([], []))

    def test_monotonic(self) -> None:
        """The reactor's clock is the monotonic one from then on."""
        self.make()
        self.assertIs(self.reactor.seconds, time.monotonic)

    def test_listens_with_privileges(self) -> None:
        """The API's port is bound before privileges are dropped."""
        agent = self.make("--dns=off", "--http=off", "--api=127.0.0.1:5080")
        agent.privilegedStartService()
        self.assertEqual(
            [(port, interface) for port, _, _, interface in self.reactor.tcpServers], [(5080, "127.0.0.1")]
        )


class SearchTests(TapCase):
    """Note [What Python need not search] and Note [The text of generated code] in ``tap``."""

    def test_code_is_left_out(self) -> None:
        """Of an agent's own process most objects of its start are left out, and no text of its code is kept."""
        script = """
import gc, linecache, sys
from daprdockr.tap import Options, makeService
options = Options(environment={})
options.parseOptions(sys.argv[1:])
makeService(options)
print(gc.get_freeze_count() > 10 * len(gc.get_objects()), len(linecache.cache))
"""
        words = ["--node=a", "--host=127.0.0.1", "--etcd=http://127.0.0.1:1", f"--state-dir={self.state_dir}"]
        found = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual((found.stdout, found.returncode), ("True 0\n", 0), found.stderr)


class RefusalTests(TapCase):
    """One line, no traceback."""

    def test_directory_in_use(self) -> None:
        """A second agent in one state directory is refused in a line that names the option to change."""
        self.make()
        line = self.refused()
        self.assertTrue(line.startswith("daprdockr: --state-dir "), line)
        self.assertIn("in use by another agent", line)

    def test_directory_unusable(self) -> None:
        """A state directory that cannot be made is named."""
        self.state_dir.write_bytes(b"")
        self.assertIn(f"--state-dir {self.state_dir.absolute()} cannot be used", self.refused())

    def test_option_that_does_not_fit(self) -> None:
        """An option that does not fit this machine is named; the state directory is free again."""
        line = self.refused("--embedded-etcd", "--etcd=http://192.0.2.1:2379")
        self.assertTrue(line.startswith("daprdockr: "), line)
        self.make()

    def test_port_taken(self) -> None:
        """A port that another program has is named before the reactor runs."""
        for error in (CannotListenError("127.0.0.1", 53, OSError(98, "taken")), BadInput("--http is taken")):
            agent = self.make("--dns=off", "--http=off", "--api=off")
            agent._state.unlock()
            Unable(error).setServiceParent(agent)
            refusal = self.assertRaises(SystemExit, agent.privilegedStartService)
            self.assertEqual(str(refusal.code), f"daprdockr: {error}")


class StopTests(TapCase):
    """The end."""

    def test_state_dir(self) -> None:
        """The state directory is another agent's to use when all services have stopped."""
        state = StateDir(self.state_dir)
        state.lock()
        self.addCleanup(state.unlock)
        agent = Agent("a", state)
        self.assertRaises(BadInput, StateDir(self.state_dir).lock)
        self.successResultOf(agent.stopService())
        successor = StateDir(self.state_dir)
        successor.lock()
        successor.unlock()
