"""A watch costs an agent little while nothing comes, and one of the command line ends at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from daprdockr.etcd.stubs import grpc, sleep_until_messages_come
from tests.rig.docker_engine import until
from tests.rig.etcd_case import FaultCase

WATCHING = """
import sys
from daprdockr.etcd.address import Access
from daprdockr.etcd.store import EtcdStore
for _ in EtcdStore(Access.parse(sys.argv[1])).watch("/p/", int(sys.argv[2])):
    print("opened", flush=True)
"""


def sleeps(thread: int) -> int:
    """How often a thread of this process went to sleep."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


class RestTests(FaultCase):
    """A client of one member, in which nothing changes."""

    def setUp(self) -> None:
        self.members = self.start(1)
        self.revision = self.connect(self.members.access).put("/p/a", b"")

    def test_silent_watch(self) -> None:
        """In an agent, the thread of a watch to which nothing comes does not wake to see whether something did."""
        self.patch(grpc._common, "MAXIMUM_WAIT_TIMEOUT", grpc._common.MAXIMUM_WAIT_TIMEOUT)
        sleep_until_messages_come()
        watch = self.connect(self.members.access).watch("/p/", self.revision + 1)
        opened = threading.Event()

        def take() -> None:
            for _ in watch:
                opened.set()

        thread = threading.Thread(target=take)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(watch.close)
        self.assertTrue(opened.wait(10))
        number = thread.native_id
        assert number is not None
        before, end = sleeps(number), time.monotonic() + 2
        until(lambda: time.monotonic() >= end)
        self.assertLess(sleeps(number) - before, 8)

    def test_interrupted(self) -> None:
        """Control-C ends a program whose main thread waits for a change, also at the moment when it begins to."""
        words = [sys.executable, "-c", WATCHING, self.members.urls, str(self.revision + 1)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            self.addCleanup(process.kill)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "opened\n")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(5), -signal.SIGINT)
