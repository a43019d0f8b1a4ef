"""Tables that an agent answers with: at each request, and with nothing where etcd is to be asked."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.tables import TableDocument
from daprdockr.model.errors import NotFound


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.result: Deferred[object] = Deferred()
        self.fields: Mapping[str, str] = {}
        self.request = DummyRequest([b"ps"])
        self.request.args = {b"service": [b"web.myapp"], b"form": [b"json"]}

    async def answer(self, fields: Mapping[str, str]) -> object:
        self.fields = fields
        return await self.result

    def render(self) -> DummyRequest:
        TableDocument(self.answer).render(self.request)
        return self.request

    def test_answer(self) -> None:
        """The fields of the question are handed over, and the answer is written when it is there."""
        request = self.render()
        self.assertEqual((self.fields, request.written), ({"service": "web.myapp", "form": "json"}, []))
        self.result.callback({"Rows": [1]})
        self.assertEqual((b"".join(request.written), request.finished), (b'{"Rows":[1]}', 1))

    def test_no_answer(self) -> None:
        """No answer is a 404, without a line in the log; a fault of the agent is one with it."""
        request = self.render()
        self.result.errback(NotFound("etcd is to be asked"))
        self.assertEqual((request.responseCode, request.finished), (404, 1))
        self.setUp()
        request = self.render()
        self.result.errback(ZeroDivisionError())
        self.assertEqual((request.responseCode, request.finished), (404, 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_gone(self) -> None:
        """The answer to a command that is gone is neither awaited nor written."""
        request = self.render()
        request.processingFailed(Failure(ConnectionDone()))
        self.assertTrue(self.result.called)
        self.assertEqual((request.written, request.finished), ([], 0))
