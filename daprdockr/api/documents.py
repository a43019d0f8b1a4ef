"""``GET /api/…``: tables of the cluster as JSON, made at each request."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.web.http import Request
from twisted.web.resource import Resource

Make = Callable[[], object]
"""Returns a value that can be written as JSON."""


def written(value: object) -> bytes:
    """
    Return a value as a line of JSON. A key in etcd may have bytes that are no UTF-8: JSON has an escape for such a
    half of a character, and its bytes stand in no answer.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


class JsonDocument(Resource):
    """:param make: asked at every request."""

    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, make: Make) -> None:
        super().__init__()
        self._make = make

    def render_GET(self, request: Request) -> bytes:
        text = written(self._make())
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"x-content-type-options", b"nosniff")
        return text
