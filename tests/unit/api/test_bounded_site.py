"""The site of the API port: one short request for each connection, and nothing else, whatever comes."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from daprdockr.api.admission import Refused
from daprdockr.api.bounded_site import LIFETIME, MOST_CONNECTIONS, BoundedSite
from daprdockr.api.documents import JsonDocument
from daprdockr.api.folder import Folder
from daprdockr.api.healthz import Healthz
from tests.fakes.run import LoopClock

GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


class BoundedSiteTests(SynchronousTestCase):
    """A site with ``/healthz``, over transports in memory."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        root = Resource()
        root.putChild(b"healthz", Healthz(lambda: ()))
        root.putChild(b"folder", Folder())
        root.putChild(b"table", JsonDocument(lambda: [1]))
        root.putChild(b"refused", Refused(401, "no token"))
        self.site = BoundedSite(root, reactor=self.clock)
        self.site.doStart()
        self.addCleanup(self.site.doStop)

    def connected(self) -> tuple[Any, StringTransport]:
        channel: Any = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def answer(self, *parts: bytes) -> bytes:
        """The octets that come back before the connection is closed."""
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

    def test_head(self) -> None:
        """To HEAD the answer has the header of that to GET, and nothing is logged, whatever is asked for."""
        for path, status in ((b"table", 200), (b"refused", 401), (b"folder", 404), (b"absent", 404)):
            get = b"GET /" + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"
            with capturedLogs() as logged:
                header, end, body = self.answer(get).partition(b"\r\n\r\n")
                head = self.answer(get.replace(b"GET", b"HEAD"))
            self.assertTrue(header.startswith(b"HTTP/1.1 %d " % status) and body, header)
            self.assertEqual(sorted(head.split(b"\r\n")), sorted((header + end).split(b"\r\n")))
            self.assertEqual(logged, [])

    def test_at_rest(self) -> None:
        """Nothing is done at times while there is no client."""
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_body(self) -> None:
        """A client that announces a body is refused at the end of the header; the body is dropped unread."""
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

    def test_absurd_length(self) -> None:
        """A length that is no number is refused; one of too many digits ends the connection."""
        for length, answer in (
            (b"-1", b"HTTP/1.1 4"),
            (b"", b"HTTP/1.1 4"),
            (b"9" * 4000, b"HTTP/1.1 4"),
            (b"9" * 5000, b""),
        ):
            got = self.answer(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + b"\r\n\r\n")
            self.assertEqual(got[:10], answer)

    def test_anything(self) -> None:
        """Any octets, in any pieces, get one answer at most, and nothing is logged."""
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        words = [b"GET", b"POST", b" ", b"/", b"%", b"HTTP/1.1", b"\r\n", b"\n", b"\0", b"Host", b":", b"a", b"?a=%ff&"]
        words += [
            b"Expect: 100-continue\r\n",
            b"Content-Length:",
            b"Cookie: a=\xff;\r\n",
            b"Transfer-Encoding: chunked",
        ]
        with capturedLogs() as logged:
            for _ in range(1000):
                channel, transport = self.connected()
                for _ in range(chance.randrange(12)):
                    channel.dataReceived(b"".join(chance.choices(words, k=chance.randrange(8))) + chance.randbytes(2))
                channel.dataReceived(b"\r\n\r\n")
                self.assertLessEqual(transport.value().count(b"HTTP/1.1 "), 1, f"seed {seed}")
                channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(logged, [], f"seed {seed}")

    def test_expectation(self) -> None:
        """No client is asked to go on with a body."""
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
