"""``/healthz``."""

from __future__ import annotations

from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.agent.healthz import QuietSite, api
from tests.fakes.run import LoopClock


class HealthzTests(SynchronousTestCase):
    """``GET /healthz``."""

    def ask(self, *troubles: str) -> DummyRequest:
        request = DummyRequest([b"healthz"])
        body = getChildForRequest(api(lambda: troubles), request).render(request)
        request.write(body)
        return request

    def test_well(self) -> None:
        """Without a trouble the answer is 200."""
        request = self.ask()
        self.assertEqual((request.responseCode, request.written), (200, [b"ok\n"]))

    def test_trouble(self) -> None:
        """With troubles it is 503, with a line for each."""
        request = self.ask("etcd is away", "nginx: not there \u2014 install it")
        self.assertEqual(request.responseCode, 503)
        self.assertEqual(request.written, ["etcd is away\nnginx: not there \u2014 install it\n".encode()])
        self.assertEqual(request.responseHeaders.getRawHeaders(b"content-type"), [b"text/plain; charset=utf-8"])
        self.assertEqual(request.responseHeaders.getRawHeaders(b"cache-control"), [b"no-store"])

    def test_no_line_per_request(self) -> None:
        """A request over HTTP is answered and leaves nothing in the log, however often a supervisor asks."""
        site = QuietSite(api(lambda: ()), reactor=LoopClock())
        transport = StringTransport()
        site.doStart()
        with capturedLogs() as logged:
            channel = site.buildProtocol(None)
            channel.makeConnection(transport)
            channel.dataReceived(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.0 200 OK\r\n"), transport.value())
        self.assertEqual(logged, [])
        site.doStop()
