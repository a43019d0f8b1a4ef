"""The nginx that an earlier agent left, where the present one has no listener for it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable
from daprdockr.proxy.former import FormerNginx
from daprdockr.runtime.workers import Stopped
from tests.fakes.log_lines import LogLines
from tests.fakes.run import run_at_once

T = TypeVar("T")


class FormerNginxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.lines = LogLines(self)

    def test_ended(self) -> None:
        """It is asked to end as nginx is, so that it finishes its requests, the log says why, and its keys go."""
        # A shell without job control has its background jobs, and all that they start, ignore it.
        self.addCleanup(signal.signal, signal.SIGQUIT, signal.signal(signal.SIGQUIT, signal.SIG_DFL))
        process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        record = ProcessTable().identify(process.pid)
        assert record is not None
        PidFile(self.directory / "process.json").write(record)
        (keys := self.directory / "keys").mkdir()
        (keys / "certificates.json").touch()
        (self.directory / "last-good.conf").write_text(f'door_tls.seed("{keys}/certificates.json")')
        FormerNginx(self.directory, run_at_once).startService()
        self.assertEqual(process.wait(10), -signal.SIGQUIT)
        self.assertEqual(len(self.lines("no --http")), 1)
        self.assertFalse(keys.exists())

    def test_none(self) -> None:
        """Where there was none no thread is asked; where it has ended since nothing is said."""
        self.start(succeed(True))
        self.directory.mkdir()
        (self.directory / "process.json").write_text('{"pid": 4194304, "started": 1, "boot": "another"}')
        FormerNginx(self.directory, run_at_once).startService()
        self.assertEqual(self.lines("nginx"), [])

    def test_stopped(self) -> None:
        """An agent that ends at once leaves it to the next one; any other failure is a fault."""
        self.directory.mkdir()
        (self.directory / "process.json").touch()
        for failure, faults in ((Stopped("the threads are stopped"), 0), (OSError("odd"), 1)):
            self.start(fail(failure))
            self.assertEqual(len(self.flushLoggedErrors(OSError)), faults)

    def start(self, outcome: Deferred[Any]) -> None:
        """The service, whose call in a thread has this outcome."""

        def run(call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
            return outcome

        FormerNginx(self.directory, run).startService()
