"""The guard as a process: on guard by its name, deaf to TERM while it has something to guard, and first in line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.__main__ import poll
from daprdockr.guard.clock import boot_id, boottime
from daprdockr.guard.disk import ORDERS, Disk
from daprdockr.guard.orders import Order, Orders
from daprdockr.guard.presence import is_on_guard
from daprdockr.guard.processes import Processes
from daprdockr.guard.watch import POLL, Guard
from daprdockr.process.atomic import replace_file

PATIENCE = 30.0
IPC_LOCK, SYS_RESOURCE = 14, 24
"""Capabilities of the process of the tests, and so of its guard: capabilities(7)."""


def status_of(proc: Path) -> dict[str, str]:
    lines = (proc / "status").read_text("ascii", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def may(capability: int) -> bool:
    return bool(int(status_of(Path("/proc/self"))["CapEff"], 16) >> capability & 1)


class ProgramTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.order(Order(boottime() + 3600))
        words = [sys.executable, "-m", "daprdockr.guard", str(self.directory)]
        self.guard = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.addCleanup(self.guard.communicate)
        self.addCleanup(self.guard.kill)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.guard.poll() is None and not is_on_guard(self.guard.pid):
            time.sleep(0.01)
        self.assertTrue(is_on_guard(self.guard.pid))

    def order(self, *orders: Order) -> None:
        """Give it these orders, for containers that nobody runs."""
        containers = {f"{number:064x}": order for number, order in enumerate(orders)}
        found = Orders(boot_id(), 0.3, containers, boottime())
        replace_file(self.directory / ORDERS, found.encode(), synced=False)

    def test_deaf(self) -> None:
        """TERM does not end it while there is a container to guard, and does when there is none any more."""
        self.guard.send_signal(signal.SIGTERM)
        with self.assertRaises(subprocess.TimeoutExpired):
            self.guard.wait(5 * POLL)
        self.order()
        self.assertEqual(self.guard.wait(PATIENCE), 0)

    def test_first(self) -> None:
        """It is the last to be killed and has its memory locked, where it may; where it may not, it still guards."""
        proc = Path("/proc") / str(self.guard.pid)
        expected = "-1000" if may(SYS_RESOURCE) else Path("/proc/self/oom_score_adj").read_text().strip()
        self.assertEqual((proc / "oom_score_adj").read_text().strip(), expected)
        self.assertEqual(status_of(proc)["VmLck"] != "0 kB", may(IPC_LOCK))
        self.order()
        self.guard.terminate()
        self.assertEqual(self.guard.wait(PATIENCE), 0)


class PassTests(SynchronousTestCase):
    def test_a_pass_fails(self) -> None:
        """A pass that fails is reported, and the next one comes after the usual time."""

        def fail() -> bytes:
            raise ZeroDivisionError("unforeseen")

        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        disk = Disk(Path(self.mktemp()), output=writer)
        guard = Guard(read=fail, memory=fail, processes=Processes(), clock=boottime, boot=boot_id(), report=disk.report)
        self.assertEqual(poll(guard, disk), POLL)
        disk.start()
        disk.read()
        self.assertEqual(os.read(reader, 1000), b"a pass failed: ZeroDivisionError('unforeseen')\n")
