"""The little web service of the tests, when it is to finish."""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.web_app import Answering, Open

REQUEST = b"GET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n"


class Line(asyncio.Transport):
    """A connection in memory."""

    def __init__(self, protocol: Answering) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True
        self._protocol.connection_lost(None)


def line(service: Open) -> tuple[Answering, Line]:
    protocol = Answering(service)
    transport = Line(protocol)
    protocol.connection_made(transport)
    return protocol, transport


class FinishTests(SynchronousTestCase):
    """It answers what it was asked, closes its connections, and is over."""

    def test_asked(self) -> None:
        """Both requests on a connection are answered, and the last answer says so."""

        async def finish() -> bytes:
            service = Open(takes=0.001)
            protocol, transport = line(service)
            protocol.data_received(REQUEST * 2)
            service.finish()
            self.assertEqual((b"", False), (transport.written, transport.closed))
            await service.over.wait()
            return transport.written

        first, last = asyncio.run(finish()).split(b"HTTP/1.1 200 OK")[1:]
        self.assertEqual([False, True], [b"Connection: close" in answer for answer in (first, last)])

    def test_idle(self) -> None:
        """A connection that is idle is closed at once."""

        async def finish() -> bool:
            service = Open(takes=0.0)
            _, transport = line(service)
            service.finish()
            return transport.closed and service.over.is_set()

        self.assertTrue(asyncio.run(finish()))

    def test_goes_on(self) -> None:
        """As long as it is not to finish the last connection may go."""

        async def go_on() -> bool:
            service = Open(takes=0.0)
            _, transport = line(service)
            transport.close()
            return service.over.is_set()

        self.assertFalse(asyncio.run(go_on()))
