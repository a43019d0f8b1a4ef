"""UDP ports with many datagrams in a system call: how the controller sees a sender."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.listening.batched import BatchedPort
from daprdockr.dns.listening.protocols import Datagrams
from tests.build.dns_samples import question


class Controller:
    """Replies to nobody now, and keeps who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.outcomes: Counter[Any] = Counter()
        self.counts: Any = Counts()

    def rotation(self) -> int:
        return 0

    def finished(self, address: str) -> dict[bytes, list[bytes]]:
        return {}

    def reply(self, packet: bytes, way: Datagrams, address: tuple[str, int]) -> None:
        self.asked.append(address)


class Counts:
    finished = unsent = 0


class SenderTests(SynchronousTestCase):
    def senders(self, interface: str, *names: bytes) -> list[tuple[str, int]]:
        """The senders of a query each, as the controller sees them, by their socket addresses."""
        controller, reactor = Controller(), MemoryReactorClock()
        port = BatchedPort(53, Datagrams(controller, reactor), interface, reactor)
        query = question("example.com").to_wire()
        for index, name in enumerate(names):
            place, start = index * 28, index * 1280
            port._batch.names[place : place + len(name)] = name
            port._batch.octets[start : start + len(query)] = query
            port._batch.lengths[index] = len(query)
        port._answer(len(names))
        return controller.asked

    def test_link_local(self) -> None:
        """The address of a link-local sender names its interface, so that a later reply finds its way."""

        def name(address: str, scope: int) -> bytes:
            octets = socket.inet_pton(socket.AF_INET6, address)
            family, scoped = struct.pack("=H", socket.AF_INET6), struct.pack("=I", scope)
            return family + struct.pack("!HI16s", 4000, 0, octets) + scoped

        found = self.senders("fd00::1", name("fd00::2", 0), name("fe80::2", 3), name("fe80::2", 4))
        self.assertEqual([("fd00::2", 4000), ("fe80::2%3", 4000), ("fe80::2%4", 4000)], found)

    def test_ipv4(self) -> None:
        """An IPv4 address is as it is."""
        name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s", 4000, socket.inet_aton("192.0.2.7")) + b"\1" * 20
        self.assertEqual([("192.0.2.7", 4000)], self.senders("192.0.2.1", name))
