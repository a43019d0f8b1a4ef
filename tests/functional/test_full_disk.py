"""
A state directory on a full or read-only disk (a small tmpfs): work that needs no disk goes on, the rest when it can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.guard.clock import boot_id, boottime
from daprdockr.guard.orders import Order, Orders
from daprdockr.model.errors import BadInput, DiskError
from daprdockr.process.table import ProcessTable
from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.proxy.files import ProxyFiles
from daprdockr.sessions.spool import ROOM, spool
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared

TTL = 12


class SmallDisk:
    """
    A tmpfs on ``path``.

    :param size: octets.
    :raises SkipTest: this user may not mount one; in CI that is an error.
    """

    def __init__(self, path: Path, size: int = 2 * 1024 * 1024) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "state", str(path)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            absent = AssertionError if os.environ.get("CI") else SkipTest
            raise absent(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def empty(self) -> None:
        """Make room."""
        (self.path / "filler").unlink()

    def make_read_only(self) -> None:
        """
        No file can be opened for writing any more, or made, as after an error of the disk (``errors=remount-ro``). A
        mount with files that are open for writing cannot be remounted, so this is another one of the same directory.
        """
        subprocess.run(["mount", "--bind", str(self.path), str(self.path)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(self.path)], check=True)

    def make_writable(self) -> None:
        subprocess.run(["mount", "-o", "remount,bind,rw", str(self.path)], check=True)

    def unmount(self) -> None:
        while os.path.ismount(self.path):
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)


class ImagesTests(SynchronousTestCase):
    """The files of images that arrive side by side; no agent."""

    def test_room(self) -> None:
        """Together they leave what each of them has to, before anything is written; one that was refused is gone."""
        disk = SmallDisk(Path(self.mktemp()).absolute(), ROOM + 1_000_000)
        self.addCleanup(disk.unmount)
        with spool(disk.path, 700_000, "a"):
            self.assertIn("no room", str(self.assertRaises(DiskError, spool, disk.path, 700_000, "a")))
        spool(disk.path, 700_000, "a").close()


class FilesTests(SynchronousTestCase):
    """The files themselves; no agent."""

    def setUp(self) -> None:
        self.disk = SmallDisk(Path(self.mktemp()).absolute())
        self.addCleanup(self.disk.unmount)
        self.path = self.disk.path / "state"

    def test_orders(self) -> None:
        """The guard's orders are written again and again, by an agent that starts meanwhile too."""
        state = StateDir(self.path)
        state.lock()
        named = {f"{number:064x}": Order(boottime()) for number in range(20)}
        state.write_guard(Orders(boot_id(), 0.2, named).encode())
        self.disk.fill()
        self.assertEqual(self.assertRaises(OSError, state.write_lease, 7).errno, errno.ENOSPC)
        for _ in range(3):
            state.unlock()
            state = StateDir(self.path)
            state.lock()
            orders = Orders(boot_id(), 0.2, {name: Order(boottime(), 0.5, 77) for name in named})
            state.write_guard(orders.encode())
            self.assertEqual(state.former_orders(boot_id()), orders)
        state.unlock()

    def test_configuration(self) -> None:
        """A failed write leaves the last good configuration and the last routes, for the next start too."""
        files = ProxyFiles(self.path / "nginx")
        listeners = [(HttpListener("127.0.0.1", port),) for port in (1, 2)]
        first, second = (render(NginxSettings(directory="/nginx", listeners=on)).text for on in listeners)
        files.prepare()
        files.propose(first)
        files.install()
        files.keep()
        files.keep_state(b"[]")
        self.disk.fill()
        for call, argument in ((files.propose, second), (files.keep_state, b"[" + b" " * 100_000 + b"]")):
            self.assertEqual(self.assertRaises(OSError, call, argument).errno, errno.ENOSPC)
        self.assertTrue(files.prepare())
        self.assertEqual([files.configuration.read_text(), files.routes.read_bytes()], [first, b"[]"])

    def test_read_only(self) -> None:
        """An agent can start, and reads what an earlier one left; no write leaves a trace."""
        state = StateDir(self.path)
        state.lock()
        orders = Orders(boot_id(), 0.2, {"1" * 64: Order(boottime())}, boottime())
        state.write_guard(orders.encode())
        state.write_lease(7)
        state.unlock()
        self.disk.make_read_only()
        state = StateDir(self.path)
        state.lock()
        self.addCleanup(state.unlock)
        self.assertRaises(BadInput, StateDir(self.path).lock)
        self.assertEqual((state.read_lease(), state.former_orders(boot_id())), (7, orders))
        for call, argument in ((state.write_guard, b"{}"), (state.write_lease, 8)):
            self.assertEqual(self.assertRaises(OSError, call, argument).errno, errno.EROFS)
        self.disk.make_writable()
        state.write_lease(8)
        self.assertEqual((state.read_lease(), state.former_orders(boot_id())), (8, orders))


class AgentTests(AgentTestCase):
    """A whole agent."""

    def setUp(self) -> None:
        sample_image()
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(shutil.rmtree, self.agent.home)
        self.disk = SmallDisk(self.agent.state)
        self.addCleanup(self.disk.unmount)
        self.addCleanup(self.agent.close)
        self.agent.start(TTL)
        self.web = f"web.{self.agent.group}"
        self.data = f"data.{self.agent.group}"

    def nginx(self) -> int:
        """The pid of nginx's master; 0 while there is none."""
        program = os.path.realpath(shutil.which("nginx") or "nginx")
        record = ProcessTable().find(str(self.agent.state / "nginx" / "nginx.conf"), program)
        return 0 if record is None else record.pid

    def kill_nginx(self) -> None:
        until(lambda: self.nginx() != 0)  # and a pid of 0 would be our own process group
        os.kill(self.nginx(), signal.SIGKILL)

    def next_agent(self) -> None:
        """Another agent takes over from one that is killed; this returns when it has reached etcd."""
        self.agent.kill()
        before = self.agent.log.count("in touch")
        self.agent.spawn(TTL)
        until(lambda: self.agent.log.count("in touch") > before)

    def deadline(self, container: str) -> float:
        """The time until which the guard lets it run, according to the orders on the disk."""
        orders = StateDir(self.agent.state).former_orders(boot_id())
        assert orders is not None
        return orders.containers[container].deadline

    def test_full(self) -> None:
        """
        Nothing that runs is stopped, what dies is started, and routes follow. An agent that starts meanwhile has all
        under control soon after there is room.
        """
        self.agent.define(self.data, 1, sample_image(), OnPartition="stop")
        self.agent.define(self.web, 2, sample_image(), Http=HTTP)
        until(lambda: len(self.agent.served_by("demo.test")) == 2)
        data, web = self.agent.ids(self.data), self.agent.ids(self.web)
        pid = self.agent.pid_of(data[0])
        self.disk.fill()
        deadline = self.deadline(data[0])
        until(lambda: boottime() > deadline + 1)
        killed = self.agent.pid_of(web[0])
        os.kill(killed, signal.SIGKILL)
        until(lambda: self.agent.pid_of(web[0]) not in (0, killed))
        self.agent.command("-svc", self.web, "-set", "-instances", "1")
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"})
        self.next_agent()
        self.kill_nginx()
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
        self.agent.command("-svc", self.web, "-set", "-http-host", "other.test")
        self.disk.empty()
        until(lambda: self.agent.served_by("other.test") == {f"1.{self.web} 1"})
        until(self.agent.is_well)
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
        self.assertNotIn("Traceback", self.agent.log)

    def test_read_only(self) -> None:
        """
        The same on a disk that was remounted read-only, where nothing at all can be written: orders reach the guard by
        memory, also those of new containers, and the next agent finds them there.
        """
        self.agent.define(self.data, 1, sample_image(), OnPartition="stop")
        self.agent.define(self.web, 2, sample_image(), Http=HTTP)
        until(lambda: len(self.agent.served_by("demo.test")) == 2)
        data, web = self.agent.ids(self.data), self.agent.ids(self.web)
        pid = self.agent.pid_of(data[0])
        self.disk.make_read_only()
        deadline = self.deadline(data[0])
        until(lambda: boottime() > deadline + 1)
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
        killed = self.agent.pid_of(web[0])
        os.kill(killed, signal.SIGKILL)
        until(lambda: self.agent.pid_of(web[0]) not in (0, killed))
        self.agent.command("-svc", self.web, "-set", "-instances", "1")
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"})
        self.agent.define(f"more.{self.agent.group}", 1, sample_image(), OnPartition="stop")
        self.agent.ids(f"more.{self.agent.group}")
        self.assertEqual(self.deadline(data[0]), deadline)
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
        self.next_agent()
        taken_over = boottime()
        until(lambda: boottime() > taken_over + TTL)
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
        self.assertNotIn("Traceback", self.agent.log)
        self.assertLess(self.agent.log.count("Read-only file system"), 20, self.agent.log)
        self.kill_nginx()
        self.agent.command("-svc", self.web, "-set", "-http-host", "other.test")
        self.disk.make_writable()
        until(lambda: self.agent.served_by("other.test") == {f"1.{self.web} 1"})
        until(lambda: self.deadline(data[0]) > deadline)
        until(self.agent.is_well)
        self.assertEqual((self.agent.ids(self.data), self.agent.pid_of(data[0])), (data, pid))
