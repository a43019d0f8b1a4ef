"""Crowds of TCP connections that do nothing, or nothing good: what they may cost, and whom they may keep out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from twisted.trial.unittest import TestCase

from daprdockr.dns.authority import MAX_CONNECTIONS
from tests.rig.dns.flood_clients import GREAT, GREED, PORTS, Client, Crowd, Served, framed
from tests.rig.dns.flood_packets import question

CROWD = 1000
STEP = 50
"""So many connections come at once: fewer than a socket's queue of those that wait to be accepted is long."""

MANY = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(CROWD)]
BEAT = 2.0
"""Seconds between the heartbeats of a node with a lease of 6 s: a longer pause of the reactor puts off one."""

ATTACK = 9.0
"""Seconds of an attack that goes on; less than after which the server ends who does nothing."""


class CrowdTests(TestCase):
    """A thousand connections of a crowd, and honest clients beside them."""

    timeout = 120

    def served(self, files: int = 1024) -> Served:
        served = Served(Path(self.mktemp()), files)
        self.addCleanup(served.close)
        served.ask_datagram()
        served.ask_stream()
        return served

    def crowd(self, served: Served) -> Crowd:
        crowd = Crowd(served.port)
        self.addCleanup(crowd.close)
        return crowd

    def besiege(self, first: bytes) -> None:
        """Connections that send only these octets cost little, and everybody is answered meanwhile."""
        served = self.served()
        crowd, memory = self.crowd(served), served.memory
        for _ in range(CROWD // STEP):
            crowd.open(STEP, first=first)
            served.ask_datagram()
            served.ask_stream()
            self.assertLessEqual(served.open_files, served.files_alone + MAX_CONNECTIONS)
        self.assertLess(served.memory, memory + 10)
        self.assertEqual("", served.said)

    def test_idle(self) -> None:
        """Of 1,000 connections that say nothing the bounded number stays open, and the newest are answered."""
        self.besiege(b"")

    def test_half_a_length(self) -> None:
        """The same holds for connections that send one octet of a length."""
        self.besiege(b"\0")

    def test_half_a_question(self) -> None:
        """The same holds for connections that send a part of a question."""
        self.besiege(framed(question(PORTS))[:20])

    def test_few_files(self) -> None:
        """Where only 256 files may be open, some are always free: nobody is turned away for want of one."""
        served = self.served(files=256)
        crowd = self.crowd(served)
        for _ in range(CROWD // STEP):
            crowd.open(STEP)
        served.ask_datagram()
        served.ask_stream()
        self.assertEqual("", served.said)

    def test_busy_client(self) -> None:
        """A client that asks now and then keeps its connection, while another one opens a thousand."""
        self.keeps_its_connection(["127.0.0.2"])

    def test_busy_client_among_many(self) -> None:
        """It also does while a thousand clients open one each."""
        self.keeps_its_connection(MANY)

    def keeps_its_connection(self, sources: list[str]) -> None:
        served = self.served()
        crowd, client = self.crowd(served), Client(served.port)
        self.addCleanup(client.close)
        for start in range(0, CROWD, STEP):
            client.ask()
            crowd.open(STEP, sources[start : start + STEP] or sources)
        client.ask()

    def attack(self) -> Iterator[None]:
        """Again and again."""
        over = monotonic() + ATTACK
        while monotonic() < over:
            yield

    def test_never_reads(self) -> None:
        """Clients that ask on and read no answer: what they cost us and the kernel is bounded."""
        served = self.served()
        crowd, memory = self.crowd(served), served.memory
        members = crowd.open(MAX_CONNECTIONS - 1)
        for _ in self.attack():
            crowd.send(members, GREAT)
            served.ask_datagram()
            served.ask_stream()
            self.assertLess(served.memory, memory + 60)
            self.assertLess(served.unsent, 60)
        self.assertEqual("", served.said)

    def test_asks_all_the_time(self) -> None:
        """Clients that ask as fast as they can on all connections do not keep the reactor from its other work."""
        served = self.served()
        crowd = self.crowd(served)
        members = crowd.open(MAX_CONNECTIONS - 1)
        served.pause()
        for _ in self.attack():
            crowd.send(members, GREED)
            crowd.receive(members)
            served.ask_datagram()
            served.ask_stream()
        self.assertLess(served.pause(), BEAT)
        self.assertEqual("", served.said)

    def test_all_end(self) -> None:
        """Connections end that are idle, slow or never read; one that asks each second does not."""
        served = self.served()
        crowd, client = self.crowd(served), Client(served.port)
        self.addCleanup(client.close)
        few = MAX_CONNECTIONS // 5
        for first in (b"", b"\0", framed(question(PORTS))[:20]):
            crowd.open(few, first=first)
        crowd.send(crowd.open(few), GREAT)
        slow = crowd.open(few - 1, first=b"\x0f\xff")
        deadline = monotonic() + 60
        while crowd.still_open(1.0):
            client.ask()
            crowd.send(slow, b"x")
            self.assertLess(monotonic(), deadline, f"{crowd.still_open()} connections are still open")
        client.ask()
        self.assertEqual(served.files_alone + 1, served.open_files)
        self.assertEqual("", served.said)
