"""An ASGI application for uvicorn in a container: see ``wsgi_app``. It sends back each message of a websocket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from tests.rig.wsgi_app import EVENTS, INSTANCE, LARGE, LAST, LONG, SHORT

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _echo(receive, send)
    elif scope["type"] == "http":
        await _answer(scope, receive, send)


async def _answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    path = scope["path"]
    if path == "/die":
        os._exit(1)
    if path == "/early":
        await _respond(send, 413, "text/plain", b"too large\n")
    elif path == "/large":
        await _begin(send, 200, "text/plain", (b"x-large", b"x" * LARGE), (b"content-length", b"0"))
        await send({"type": "http.response.body"})
    elif path == "/events":
        await _begin(send, 200, "text/event-stream")
        for event in EVENTS:
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(SHORT)
        await asyncio.sleep(LONG)
        await send({"type": "http.response.body", "body": LAST})
    else:
        await _respond(send, 200, "application/json", json.dumps(await _seen(scope, receive)).encode())


async def _seen(scope: dict[str, Any], receive: Receive) -> dict[str, Any]:
    digest, more = hashlib.sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    address, port = scope["client"]
    return {
        "name": INSTANCE,
        "method": scope["method"],
        "digest": digest.hexdigest(),
        "peer": f"{address}:{port}",
        "cookie": len(dict(scope["headers"]).get(b"cookie", b"")),
    }


async def _respond(send: Send, status: int, kind: str, body: bytes) -> None:
    await _begin(send, status, kind, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.body", "body": body})


async def _begin(send: Send, status: int, kind: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind.encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"x-instance", INSTANCE.encode())]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
