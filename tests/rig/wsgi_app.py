"""
A WSGI application for gunicorn in a container; ``asgi_app`` is the same for ASGI. Both have these paths:

``/early``    answered 413 before any of the body is read
``/events``   server-sent events: some with short pauses, and the last one after a long while
``/large``    answered with a header of ``LARGE`` octets
``/die``      ends the process that serves it
all others    what it saw of the request, as JSON
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any

INSTANCE = os.environ.get("DAPRDOCKR_INSTANCE", "")
LONG = 120.0
LARGE = 40_000
SHORT = 0.1
EVENTS, LAST = [b"data: %d\n\n" % number for number in range(5)], b"data: last\n\n"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/die":
        os._exit(1)
    if path == "/early":
        start_response("413 Content Too Large", [("Content-Type", "text/plain"), ("Content-Length", "10")])
        return [b"too large\n"]
    if path == "/large":
        start_response("200 OK", [("X-Large", "x" * LARGE), ("Content-Length", "0")])
        return []
    if path == "/events":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return _events()
    seen = {
        "name": INSTANCE,
        "method": environ["REQUEST_METHOD"],
        "digest": hashlib.sha256(environ["wsgi.input"].read()).hexdigest(),
        "peer": f"{environ['REMOTE_ADDR']}:{environ.get('REMOTE_PORT', '')}",
        "cookie": len(environ.get("HTTP_COOKIE", "")),
    }
    answer = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _events() -> Iterator[bytes]:
    for event in EVENTS:
        yield event
        Event().wait(SHORT)
    Event().wait(LONG)
    yield LAST
