# -*- test-case-name: tests.unit.api.test_metrics,tests.unit.api.test_page,tests.unit.api.test_tables -*-
"""Answers that are awaited: cancelled when the other side is gone, and after a fault of ours a status without text."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET


class AwaitedDocument(Resource):
    """:cvar failing: what the log says of a fault."""

    log = Logger()
    isLeaf = True  # noqa: N815  Twisted's name
    failing: ClassVar[str]

    def render_GET(self, request: Request) -> int:
        """Answer HEAD as well, whose body twisted.web leaves out."""
        gone = request.notifyFinish()
        answering = Deferred.fromCoroutine(self.answer(request))
        gone.addErrback(lambda _: answering.cancel())
        answering.addErrback(lambda failure: None if gone.called else self._failed(failure, request))
        return NOT_DONE_YET

    async def answer(self, request: Request) -> None:
        """Write the answer to a request, and finish it."""
        raise NotImplementedError

    def status_of(self, failure: Failure) -> int:
        """Return the status that says that there is no answer."""
        self.log.failure(self.failing, failure)
        return 500

    def _failed(self, failure: Failure, request: Request) -> None:
        request.setResponseCode(self.status_of(failure))
        request.finish()
