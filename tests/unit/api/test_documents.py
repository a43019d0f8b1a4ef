"""Documents of the API."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.documents import JsonDocument


class JsonDocumentTests(SynchronousTestCase):
    def test_json(self) -> None:
        """The value is written as JSON that no browser takes for a page, as it is at each request."""
        values = [["<b>é"], []]
        document = JsonDocument(lambda: values.pop(0))
        request = DummyRequest([b"x"])
        self.assertEqual(document.render(request), '["<b>é"]\n'.encode())
        self.assertEqual(request.responseHeaders.getRawHeaders(b"content-type"), [b"application/json"])
        self.assertEqual(request.responseHeaders.getRawHeaders(b"x-content-type-options"), [b"nosniff"])
        self.assertEqual(document.render(DummyRequest([b"x"])), b"[]\n")
