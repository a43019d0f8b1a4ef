"""systemd's socket: found in the environment, and written to as systemd reads it."""

from __future__ import annotations

import os
import resource
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.notify_socket import NotifySocket


class EnvironmentTests(SynchronousTestCase):
    """Which socket an environment names."""

    def taken(self, **environment: str) -> tuple[NotifySocket | None, dict[str, str]]:
        return NotifySocket.taken_from(environment), environment

    def test_none(self) -> None:
        """Without systemd there is no socket; nor is an address of another kind one."""
        self.assertEqual(self.taken(PATH="/bin"), (None, {"PATH": "/bin"}))
        self.assertEqual(self.taken(NOTIFY_SOCKET="vsock:2:9999"), (None, {}))

    def test_not_for_children(self) -> None:
        """The variables for this process alone are removed from the environment."""
        given = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
        self.assertEqual(self.taken(**given), (NotifySocket("/run/n", 60.0), {"HOME": "/"}))

    def test_watchdog(self) -> None:
        """Only a watchdog of this process counts, and only one that is a number."""
        for usec, pid, seconds in (("500000", "", 0.5), ("500000", "1", 0.0), ("soon", "", 0.0), ("", "", 0.0)):
            notify, _ = self.taken(NOTIFY_SOCKET="@n", WATCHDOG_USEC=usec, WATCHDOG_PID=pid)
            self.assertEqual(notify, NotifySocket("@n", seconds))


class SendTests(SynchronousTestCase):
    """Sending to a listener, and to none."""

    def listener(self, address: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(address)
        listener.setblocking(False)
        return listener

    def test_path(self) -> None:
        """All assignments arrive in one datagram, a line each."""
        with tempfile.TemporaryDirectory() as directory:
            path = str(Path(directory) / "notify")
            listener = self.listener(path)
            self.assertTrue(NotifySocket(path).send("READY=1", "STATUS=healthy"))
            self.assertEqual(listener.recv(4096), b"READY=1\nSTATUS=healthy")

    def test_abstract(self) -> None:
        """A name that begins with ``@`` is an abstract one."""
        listener = self.listener(f"\0daprdockr-test-{os.getpid()}")
        self.assertTrue(NotifySocket(f"@daprdockr-test-{os.getpid()}").send("READY=1"))
        self.assertEqual(listener.recv(4096), b"READY=1")

    def test_no_file_left(self) -> None:
        """Nor is a process an error that may open no more files."""
        usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, usual)
        with open(os.devnull, "rb") as first_free:
            most = first_free.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, usual[1]))
        self.assertFalse(NotifySocket("/run/n").send("READY=1"))

    def test_nobody(self) -> None:
        """Nobody who listens, or who reads, is no error, and is not waited for."""
        self.assertFalse(NotifySocket(f"@daprdockr-nobody-{os.getpid()}").send("READY=1"))
        self.listener(f"\0daprdockr-test-{os.getpid()}")
        full = [NotifySocket(f"@daprdockr-test-{os.getpid()}").send("WATCHDOG=1") for _ in range(5000)]
        self.assertEqual((full[0], full[-1]), (True, False))
