# -*- test-case-name: tests.unit.api.test_bounded_site -*-
"""A resource that is nothing by itself: it leads to others."""

from __future__ import annotations

from twisted.web.http import Request
from twisted.web.resource import Resource


class Folder(Resource):
    """It answers 404, where twisted.web's own would take GET for a method that is not allowed, and fail at HEAD."""

    def render(self, request: Request) -> bytes:
        request.setResponseCode(404)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return b"nothing is served here, but below it\n"
