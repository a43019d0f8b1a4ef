"""``/healthz``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.healthz import Healthz


class HealthzTests(SynchronousTestCase):
    """``GET /healthz``."""

    def ask(self, *troubles: str) -> DummyRequest:
        request = DummyRequest([b"healthz"])
        body = Healthz(lambda: troubles).render(request)
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
