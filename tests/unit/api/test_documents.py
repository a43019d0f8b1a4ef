"""Documents of the API."""

from __future__ import annotations

import json

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

    def test_no_utf8(self) -> None:
        """A key in etcd that is no UTF-8 is escaped, and takes the rest of the answer from nobody."""
        value = {"Key": b"services/\xff\xc3\xa9".decode("utf-8", "surrogateescape")}
        text = JsonDocument(lambda: value).render(DummyRequest([b"x"]))
        self.assertEqual(text, '{"Key":"services/\\udcffé"}\n'.encode())
        self.assertEqual(json.loads(text), value)
