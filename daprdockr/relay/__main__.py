# -*- test-case-name: tests.unit.relay.test_program -*-
"""
The relay as a program: ``python -m daprdockr.relay DIRECTORY``. Started, adopted and restarted by the agent.

It needs the standard library alone, so it is small, and nothing that is upgraded beside it can break it.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from daprdockr.relay.control import Control
from daprdockr.relay.datagrams import UdpSessions
from daprdockr.relay.listeners import RETRY, Listeners
from daprdockr.relay.message import ROUTES, SOCKET
from daprdockr.relay.streams import ClientCount

MOST_STREAMS, MOST_SESSIONS = 16_384, 4_096
MOST_FILES = 65_536
SPARE_FILES = 512
"""For ports, and for all that is no connection."""

NAME = "daprd-relay"
"""The name of the process in ``ps`` and ``top``, at most 15 bytes: ``comm`` in proc(5)."""


class Upkeep(NamedTuple):
    """
    Seconds between two checks that the unix socket is there, two attempts to bind ports that are taken, two searches
    for sessions of UDP that were not used, and two for peers of TCP that have vanished.
    """

    answerable: float = 1.0
    retry: float = RETRY
    sweep: float = 5.0
    vanished: float = 15.0


UPKEEP = Upkeep()


def main(directory: Path) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(NAME, "ascii")
    asyncio.run(serve(directory))


async def serve(directory: Path, pauses: Upkeep = UPKEEP) -> None:
    """Serve the last known routes at once, and those of the agent when it gives some, until TERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    sessions = UdpSessions(min(MOST_SESSIONS, open_files() // 8))
    clients = ClientCount(min(MOST_STREAMS, max(8, open_files() * 7 // 8 - SPARE_FILES) // 2))
    listeners = Listeners(clients, sessions)
    control = Control(listeners)
    await control.seed(directory / ROUTES)
    tasks = (
        _answer(control, directory / SOCKET, pauses.answerable),
        _retry(listeners, pauses.retry),
        _sweep(sessions, pauses.sweep),
        _end_vanished(clients, pauses.vanished),
    )
    upkeep = [asyncio.ensure_future(task) for task in tasks]
    await ended.wait()
    for task in upkeep:
        task.cancel()


async def _answer(control: Control, path: Path, pause: float) -> None:
    """
    Listen on the unix socket, and again if somebody removed it, or if there was no room for it: a restart would cut all
    connections, and without the socket the routes stay as they are.
    """
    server: asyncio.AbstractServer | None = None
    failure = ""
    while True:
        if server is None or not path.exists():
            if server is not None:
                server.close()
            try:
                path.unlink(missing_ok=True)
                server, failure = await asyncio.start_unix_server(control.serve, path), ""
            except OSError as error:
                if str(error) != failure:
                    with contextlib.suppress(OSError):
                        print(f"{path} cannot be listened on, and is tried again: {error}", flush=True)
                server, failure = None, str(error)
        await asyncio.sleep(pause)


async def _retry(listeners: Listeners, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        await listeners.retry()


async def _sweep(sessions: UdpSessions, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        sessions.end_idle(asyncio.get_running_loop().time())


async def _end_vanished(clients: ClientCount, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        clients.end_vanished()


def open_files() -> int:
    """Raise the limit of open files as far as it goes; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


if __name__ == "__main__":
    main(Path(sys.argv[1]))
