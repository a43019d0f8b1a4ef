"""The DNS of an agent as somebody sees it who is outside of ``--dns-allow``."""

from __future__ import annotations

import contextlib
import re
import socket
from time import monotonic

import dns.message
from twisted.internet import reactor

from daprdockr.dns.listening.limit import BURST, RATE, STRANGER_SIZE
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from tests.build.dns_samples import running
from tests.rig.dns.programs import DigTestCase, Sender


class StrangerTests(DigTestCase):
    """``dig`` asks from an address that is not allowed."""

    STRANGER = ("-b", "127.0.0.3")

    async def test_large(self) -> None:
        """A long answer is cut by UDP to hardly more than its question, and whole by TCP without the user's doing."""
        ones = [running(f"{n}.web.crowd", f"10.1.0.{n}", Port(80, "tcp", 1000 + n)) for n in range(1, 16)]
        self.server.publish(Zone.of(ones, serial=1))
        for kind in ("SRV", "ANY"):
            asked = (*self.STRANGER, "80.tcp.web.crowd.container", kind)
            out = await self.dig(*asked, "+notcp", "+ignore", "+bufsize=4096", server="127.0.0.2")
            self.assertIn(" tc", self.status(out))
            found = re.search(r"MSG SIZE\s+rcvd: (\d+)", out)
            assert found is not None
            self.assertLessEqual(int(found[1]), STRANGER_SIZE)
            out = await self.dig(*asked, "+notcp", "+bufsize=4096", server="127.0.0.2")
            self.assertIn("ANSWER: 15,", out)

    async def test_too_many(self) -> None:
        """A stranger that floods gets a part of the answers by UDP, and all by TCP; nobody else loses any."""
        packet = dns.message.make_query("1.web.myapp.container", "A", id=1).to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.3", 0))
            stranger.setblocking(False)
            begin, received = monotonic(), []
            sender = Sender(("127.0.0.2", self.port))
            port = reactor.listenUDP(0, sender, interface="127.0.0.1")  # type: ignore[attr-defined]  # IReactorUDP
            self.addCleanup(port.stopListening)
            for _ in range(20):
                for _ in range(50):
                    stranger.sendto(packet, ("127.0.0.2", self.port))
                await sender.send([])
                with contextlib.suppress(BlockingIOError):
                    while True:
                        received.append(stranger.recv(4096))
            whole = sum(bool(dns.message.from_wire(reply).answer) for reply in received)
            self.assertLessEqual(whole, BURST + RATE * (monotonic() - begin) + 1)
        self.assertGreaterEqual(whole, BURST)
        self.assertLess(len(received), 900)
        self.assertEqual(1000 - whole, self.server.counts["limited"])
        self.assertEqual(["10.0.0.1"], await self.short("1.web.myapp.container"))
        out = await self.dig(*self.STRANGER, "+tcp", "1.web.myapp.container", server="127.0.0.2")
        self.assertIn("10.0.0.1", out)
