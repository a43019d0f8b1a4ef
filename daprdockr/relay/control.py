"""
The unix socket of the relay, on which the agent gives it routes and asks what is in force: HTTP/1.0, as nginx's.

``GET /routes`` answers with the version in force, ``POST /routes`` takes a message and answers with its version, and
``GET /troubles`` lists ports that could not be bound, the first ``MOST_TROUBLES`` in the order of ``PortKey``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path

from daprdockr.relay.listeners import Listeners
from daprdockr.relay.message import MOST_TROUBLES, decode_state

LONGEST_MESSAGE = 64 * 1024 * 1024
TIMEOUT = 10.0
"""Seconds for one request."""


class Control:
    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self.version = 0

    async def seed(self, path: Path) -> None:
        """Begin with the routes that the agent wrote to a file, if there are any."""
        try:
            _, state = decode_state(_content(path))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            print(f"the routes in {path} cannot be used, waiting for the agent: {error}", flush=True)
            return
        await self._listeners.take(state)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and hang up."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(TIMEOUT):
                status, text = await self._answer(reader)
                writer.write(f"HTTP/1.0 {status} -\r\n\r\n{text}".encode())
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, str]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        match head[0].split()[:2]:
            case ["GET", "/routes"]:
                return 200, str(self.version)
            case ["GET", "/troubles"]:
                found = sorted(self._listeners.troubles.items())[:MOST_TROUBLES]
                return 200, json.dumps([[*key, reason] for key, reason in found])
            case ["POST", "/routes"]:
                return await self._take(await reader.readexactly(_length(head)))
        return 404, "no such path"

    async def _take(self, message: bytes) -> tuple[int, str]:
        try:
            version, state = decode_state(message)
        except ValueError as error:
            return 400, str(error)[:200]
        await self._listeners.take(state)
        self.version = version
        return 200, str(version)


def _content(path: Path) -> bytes:
    """Return what an agent wrote; no link is followed, and no pipe waited for. :raises OSError: it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        return file.read(LONGEST_MESSAGE)


def _length(head: list[str]) -> int:
    values = [line.partition(":")[2].strip() for line in head[1:] if line.lower().startswith("content-length:")]
    length = int(values[0]) if values and values[0].isdigit() else 0
    return min(length, LONGEST_MESSAGE)
