"""The real ``daprdockrcmd events -f``, with an etcd that ends and comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import Keys
from tests.rig import etcd_members
from tests.rig.agent_process import LIMIT, PROGRAMS

KEYS = Keys("/events-test")


class FollowTests(SynchronousTestCase):
    """``events -f`` into a pipe; five seconds."""

    skip = etcd_members.missing()

    def setUp(self) -> None:
        self.members = etcd_members.EtcdMembers(1).__enter__()
        self.addCleanup(self.members.close)
        self.store = EtcdStore(self.members.access)
        self.addCleanup(self.store.close)
        self.lease = self.store.grant(3600).id

    def emit(self, number: int) -> None:
        event = Event(time.time(), "n1", "web.myapp", f"text {number}")
        self.store.put(KEYS.event("n1", number), event.encode(), self.lease)

    def begin(self) -> subprocess.Popen[str]:
        command = [str(PROGRAMS / "daprdockrcmd"), "events", "-f", "web.myapp", "-o", "json", "-prefix", KEYS.prefix]
        following = subprocess.Popen(
            command,
            env=os.environ | {"ETCD_HOSTS": self.members.urls, "PYTHONUNBUFFERED": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(following.communicate)
        self.addCleanup(following.kill)
        end = threading.Timer(LIMIT, following.kill)  # a line that never comes
        end.start()
        self.addCleanup(end.cancel)
        return following

    def read(self, following: subprocess.Popen[str]) -> str:
        assert following.stdout is not None
        text: str = json.loads(following.stdout.readline())["Text"]
        return text

    def test_outage(self) -> None:
        """Each event is one line at once, also after etcd was away, which is said once; Ctrl-C ends it silently."""
        self.emit(1)
        following = self.begin()
        self.assertEqual(self.read(following), "text 1")
        self.emit(2)
        self.assertEqual(self.read(following), "text 2")
        self.members.kill(0)
        assert following.stderr is not None
        self.assertIn("events are shown again as soon as it answers", following.stderr.readline())
        self.members.start_all()
        self.emit(3)
        self.assertEqual(self.read(following), "text 3")
        following.send_signal(signal.SIGINT)
        self.assertEqual(following.communicate(timeout=LIMIT), ("", ""))
        self.assertEqual(following.returncode, 130)

    def test_reader_gone(self) -> None:
        """It ends when its reader does, though no event comes."""
        self.emit(1)
        following = self.begin()
        self.read(following)
        assert following.stdout is not None
        assert following.stderr is not None
        following.stdout.close()
        self.assertEqual((following.stderr.read(), following.wait(LIMIT)), ("", 1))
