"""
200,000 packets that are wrong in every way, to the real socket of a DNS server in a process of its own.

Note [No mutant is waited for]
    Most of them get no answer that could be foretold, and a socket whose buffer is full drops what comes: so a good
    question follows each few packets, and the next ones leave when it has been answered. An answer that never comes is
    a server that died or hangs.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import dns.flags
import dns.message
from twisted.trial.unittest import SynchronousTestCase

from tests.build.dns_octets import query, question_of
from tests.build.dns_samples import said
from tests.rig.dns.alone import DnsAlone
from tests.rig.dns.asker import LARGEST, Asker, framed, unframed
from tests.rig.dns.mutants import Mutants

SEED = 20_261_122
DATAGRAMS, MESSAGES, CONNECTIONS = 200_000, 5_000, 300
BURST, LOOK = 50, 1_000
WARM = 20_000
"""After so many packets all is loaded and kept that ever will be."""
GROWTH = 20 * 2**20
IDS = 60_000
PATIENCE = 15.0

GOOD = 0xFFFF
GOOD_QUESTION = GOOD.to_bytes(2) + query("a.ns.dns.container")[2:]
GOOD_ANSWER = ["NOERROR AA RD", "A a.ns.dns.container. 60 A 10.0.0.9"]


class FuzzTestCase(SynchronousTestCase):
    """A server, and somebody who asks it."""

    def setUp(self) -> None:
        print(f"the packets are those of seed {SEED}")
        self.mutants = Mutants(SEED)
        self.sent: dict[int, bytes] = {}
        self.server = DnsAlone("village")
        self.addCleanup(self.server.stop)
        self.asker = Asker(self.server.addresses[0])
        self.addCleanup(self.asker.close)

    def bursts(self, count: int) -> Iterator[tuple[int, dict[int, bytes]]]:
        """So many mutants by their ids, with a good question at the end of each burst, and how many came before."""
        for start in range(0, count, BURST):
            burst = {number % IDS: self.mutants.draw(number % IDS) for number in range(start, start + BURST)}
            self.sent |= burst
            yield start, burst | {GOOD: GOOD_QUESTION}

    def check(self, replies: dict[int, list[bytes]]) -> int:
        """Each is a reply to what was sent under its id, and the good question's is right; how many others came."""
        for reply in replies.pop(GOOD):
            self.assertEqual(GOOD_ANSWER, said(dns.message.from_wire(reply)))
        for reply in (one for several in replies.values() for one in several):
            self.check_reply(reply)
        return sum(map(len, replies.values()))

    def check_reply(self, reply: bytes) -> None:
        """A reply is a whole message, which dnspython reads, and one to the packet that had its id."""
        told = dns.message.from_wire(reply)
        packet = self.sent[told.id]
        self.assertTrue(told.flags & dns.flags.QR, packet.hex())
        self.assertEqual(packet[2] & 0x78, reply[2] & 0x78, packet.hex())
        question = question_of(reply) if told.question else b""
        self.assertEqual(question, packet[12 : 12 + len(question)], packet.hex())

    def check_quiet(self) -> None:
        """Nothing was logged as a warning or worse."""
        self.assertEqual("", self.server.log())


class DatagramTests(FuzzTestCase):
    """UDP."""

    def test_mutants(self) -> None:
        """It answers what can be answered, goes on, logs nothing and does not grow. Note [No mutant is waited for]."""
        replies = warm = 0
        for before, burst in self.bursts(DATAGRAMS):
            replies += self.check(self.asker.datagrams(burst, [GOOD]))
            if before % LOOK == 0:
                self.check_quiet()
            if before == WARM:
                warm = self.server.resident()
        self.check_quiet()
        grown = self.server.resident() - warm
        print(f"{replies} replies; {warm // 2**20} MiB, and {grown // 2**10} KiB more at the end")
        self.assertTrue(grown < GROWTH, f"{grown} octets more")
        self.assertTrue(replies > DATAGRAMS // 2, f"only {replies} replies")


class StreamTests(FuzzTestCase):
    """TCP."""

    def test_mutants(self) -> None:
        """In good frames any message leaves the connection open, and the good question behind it is answered."""
        for before, burst in self.bursts(MESSAGES):
            self.check(self.asker.stream(burst, [GOOD]))
            if before % LOOK == 0:
                self.asker.hang_up()
        self.check_quiet()

    def test_broken_frames(self) -> None:
        """Frames that are cut or lie about their length hurt nobody but their connection."""
        for _ in range(CONNECTIONS):
            whole = b"".join(framed(self.mutants.draw(identity)) for identity in range(5))
            for reply in self.exchange(self.mutants.damaged(whole)):
                self.assertTrue(dns.message.from_wire(reply).flags & dns.flags.QR)
            self.check(self.asker.stream({GOOD: GOOD_QUESTION}))
        self.check_quiet()

    def exchange(self, octets: bytes) -> list[bytes]:
        """Send octets on a connection of their own, end our side of it, and return the replies."""
        received = b""
        with socket.create_connection(self.server.addresses[0], PATIENCE) as stream:
            try:
                stream.sendall(octets)
                stream.shutdown(socket.SHUT_WR)
                while more := stream.recv(LARGEST):
                    received += more
            except OSError as error:  # a reset, at any of these steps
                self.assertNotIsInstance(error, TimeoutError)
        return unframed(received)[0]
