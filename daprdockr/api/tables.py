"""``GET /tables/…`` on the unix socket of an agent: what commands that read print, made at each request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from daprdockr.model.errors import NotFound

TableAnswer = Callable[[Mapping[str, str]], Awaitable[object]]
"""Takes the fields of a question. Raises NotFound where etcd is to be asked instead."""


class TableDocument(Resource):
    """:param answer: asked at every request."""

    isLeaf = True  # noqa: N815  Twisted's name
    log = Logger()

    def __init__(self, answer: TableAnswer) -> None:
        super().__init__()
        self._answer = answer

    def render_GET(self, request: Request) -> int:
        fields = {name.decode("latin-1"): values[-1].decode("latin-1") for name, values in request.args.items()}
        gone = request.notifyFinish()
        asked = Deferred.fromCoroutine(self._write(fields, request))
        gone.addErrback(lambda _: asked.cancel())
        asked.addErrback(self._failed, request)
        return NOT_DONE_YET

    async def _write(self, fields: Mapping[str, str], request: Request) -> None:
        text = json.dumps(await self._answer(fields), separators=(",", ":")).encode()
        request.setHeader(b"content-type", b"application/json")
        request.write(text)
        request.finish()

    def _failed(self, failure: Failure, request: Request) -> None:
        if failure.check(CancelledError):  # the other side is gone
            return
        if not failure.check(NotFound):
            self.log.failure("a table was not made", failure)
        request.setResponseCode(404)
        request.finish()
