"""``GET /healthz``: 200 while the loops run and etcd answered within a lease, else 503 with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.web.http import Request
from twisted.web.resource import Resource

Troubles = Callable[[], Iterable[str]]
"""The present troubles, a line each; none while nothing is wrong."""


class Healthz(Resource):
    """:param troubles: asked at every request."""

    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, troubles: Troubles) -> None:
        super().__init__()
        self._troubles = troubles

    def render_GET(self, request: Request) -> bytes:
        troubles = list(self._troubles())
        request.setResponseCode(503 if troubles else 200)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        return ("\n".join(troubles or ["ok"]) + "\n").encode()
