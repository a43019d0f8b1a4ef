"""A command that waits for etcd says so."""

from __future__ import annotations

import io
import os
import threading

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.patient import PatientStore
from daprdockr.cli.slow_calls import SlowCalls, say_on_terminal
from daprdockr.model.stored.entries import Entry
from tests.fakes.store import MemoryStore

LIMIT = 60


class SlowCallsTests(SynchronousTestCase):
    """``SlowCalls``, in which a moment is over at once, or never."""

    def setUp(self) -> None:
        self.said: list[str] = []
        self.was_said = threading.Event()

    def say(self, line: str) -> None:
        self.said.append(line)
        self.was_said.set()

    def test_slow(self) -> None:
        """A call that lasts longer is said, once for the whole command."""
        slow = SlowCalls(self.say, "waiting for etcd", 0.0)
        for _ in range(2):
            with slow.shown():
                self.assertTrue(self.was_said.wait(LIMIT))
        self.assertEqual(self.said, ["waiting for etcd"])

    def test_quick(self) -> None:
        """A call that ends before is not, also if it fails."""
        slow = SlowCalls(self.say, "waiting for etcd", LIMIT)
        with slow.shown():
            pass
        with self.assertRaises(ValueError), slow.shown():
            raise ValueError
        for one in threading.enumerate():
            if isinstance(one, threading.Timer):
                one.join()
        self.assertEqual(self.said, [])

    def test_terminal(self) -> None:
        """Only a terminal gets the line."""
        ours, theirs = os.openpty()
        with open(theirs, "w", encoding="utf-8") as stream, open(ours, "rb") as shown:
            say_on_terminal(stream, "waiting")
            self.assertEqual(shown.readline(), b"daprdockrcmd: waiting\r\n")  # the kernel may bring it in pieces
        pipe = io.StringIO()
        say_on_terminal(pipe, "waiting")
        say_on_terminal(None, "waiting")
        self.assertEqual(pipe.getvalue(), "")

    def test_calls(self) -> None:
        """It is said for every call to etcd that a command makes."""
        test = self

        class Slow(MemoryStore):
            def get(self, key: str) -> Entry | None:
                test.assertTrue(test.was_said.wait(LIMIT))
                return super().get(key)

        store = PatientStore(Slow(), lambda: 0.0, self.fail, SlowCalls(self.say, "waiting", 0.0))
        self.assertIsNone(store.get("/x"))
        self.assertEqual(self.said, ["waiting"])
        lease = store.grant(10).id
        self.assertEqual((store.commit([], []).succeeded, store.keep_alive(lease)), (True, 10))
        store.revoke(lease)
