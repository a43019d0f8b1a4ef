"""``GET /tables/…`` on the unix socket of an agent: what commands that read print, made at each request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from twisted.python.failure import Failure
from twisted.web.http import Request

from daprdockr.api.awaited import AwaitedDocument
from daprdockr.model.errors import NotFound

TableAnswer = Callable[[Mapping[str, str]], Awaitable[object]]
"""Takes the fields of a question. Raises NotFound where etcd is to be asked instead."""


class TableDocument(AwaitedDocument):
    """:param ask: asked at every request."""

    failing = "a table was not made"

    def __init__(self, ask: TableAnswer) -> None:
        super().__init__()
        self._ask = ask

    async def answer(self, request: Request) -> None:
        fields = {name.decode("latin-1"): values[-1].decode("latin-1") for name, values in request.args.items()}
        text = json.dumps(await self._ask(fields), separators=(",", ":")).encode()
        request.setHeader(b"content-type", b"application/json")
        request.write(text)
        request.finish()

    def status_of(self, failure: Failure) -> int:
        """Return 404 in any case: then the command asks etcd."""
        if not failure.check(NotFound):
            super().status_of(failure)
        return 404
