"""Whether a member of etcd answers."""

from __future__ import annotations

import socket

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.answering import is_up, listens
from tests.fakes.etcd_members import member


class AnsweringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.socket = socket.socket()
        self.addCleanup(self.socket.close)
        self.socket.bind(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def test_listens(self) -> None:
        """A URL is listened at, or not."""
        url = f"https://{self.place}"
        self.assertFalse(listens(url))
        self.socket.listen()
        self.assertTrue(listens(url))

    def test_up(self) -> None:
        """A member that has not begun, is down, or accepts connections and says nothing, is not up."""
        access = Access.parse("http://127.0.0.1:1")
        self.assertFalse(is_up(access, member(1)))
        self.assertFalse(is_up(access, evolve(member(1, "a"), clients=("unix://localhost:1",))))
        one = evolve(member(1, "a"), clients=(f"http://{self.place}",))
        self.assertFalse(is_up(access, one))
        self.socket.listen()
        self.assertFalse(is_up(access, one))
