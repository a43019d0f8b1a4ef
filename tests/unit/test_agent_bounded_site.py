"""The site of the API port: one short request for each connection, and nothing else, whatever comes."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.bounded_site import LIFETIME, MOST_CONNECTIONS, BoundedSite
from daprdockr.agent.healthz import api
from tests.fakes.run import LoopClock

GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


class BoundedSiteTests(SynchronousTestCase):
    """A site with ``/healthz``, over transports in memory."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.site = BoundedSite(api(lambda: ()), reactor=self.clock)
        self.site.doStart()
        self.addCleanup(self.site.doStop)

    def connected(self) -> tuple[Any, StringTransport]:
        channel: Any = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def answer(self, *parts: bytes) -> bytes:
        """What comes back before the connection is closed."""
        channel, transport = self.connected()
        for part in parts:
            channel.dataReceived(part)
        self.assertTrue(transport.disconnecting or transport.disconnected)
        return bytes(transport.value())

    def test_get(self) -> None:
        """GET is answered, HEAD by the same header alone."""
        with capturedLogs() as logged:
            self.assertTrue(self.answer(GET).endswith(b"\r\n\r\nok\n"))
            head = self.answer(GET.replace(b"GET", b"HEAD"))
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n") and head.endswith(b"\r\n\r\n"), head)
        self.assertEqual(logged, [])

    def test_a_body(self) -> None:
        """Whoever announces a body is refused at the end of the header; what follows is dropped unread."""
        for header in (b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"):
            for method, status in ((b"POST", b"405"), (b"GET", b"413"), (b"PUT", b"405")):
                head = method + b" /healthz HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n\r\n"
                for body in (b"", b"x" * 200_000):
                    got = self.answer(head + body, body)
                    self.assertTrue(got.startswith(b"HTTP/1.1 " + status), got)
                    self.assertEqual(got.count(b"HTTP/1.1"), 1)

    def test_no_body_is_kept(self) -> None:
        """Neither memory nor a file takes a refused body: no request was made that could."""
        channel, _ = self.connected()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(100):
            channel.dataReceived(b"x" * 65536)
        self.assertIsNone(channel.requests[-1].content)
        self.assertEqual(channel._dataBuffer, [])

    def test_expectation(self) -> None:
        """Nobody is told to go on with a body."""
        head = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        self.assertTrue(self.answer(head).startswith(b"HTTP/1.1 413"))

    def test_large_header(self) -> None:
        """A header that does not end is cut off."""
        got = self.answer(b"GET / HTTP/1.1\r\nHost: a\r\n", *[b"X: " + b"y" * 1000 + b"\r\n"] * 20)
        self.assertTrue(got.startswith(b"HTTP/1.1 400"), got)

    def test_one_request(self) -> None:
        """A second request on one connection is not answered."""
        self.assertEqual(self.answer(GET + GET).count(b"HTTP/1.1 200"), 1)

    def test_trickle(self) -> None:
        """A header that comes an octet a second does not hold the connection."""
        channel, transport = self.connected()
        for octet in range(int(LIFETIME)):
            self.assertFalse(transport.disconnected)
            channel.dataReceived(GET[octet : octet + 1])
            self.clock.advance(1)
        self.assertTrue(transport.disconnected)

    def test_many(self) -> None:
        """The oldest connection gives way to one too many, and no other."""
        made = [self.connected() for _ in range(MOST_CONNECTIONS + 3)]
        self.assertEqual([transport.disconnected for _, transport in made[:4]], [True, True, True, False])
        self.assertFalse(any(transport.disconnected for _, transport in made[3:]))
        channel, transport = made[-1]
        channel.dataReceived(GET)
        self.assertIn(b"200 OK", transport.value())
