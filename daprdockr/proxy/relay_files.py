# -*- test-case-name: tests.unit.proxy.test_relay -*-
"""
The files of the relay, all in one directory below the state directory. Blocking: called in a thread.

``routes.json`` holds the routes as the relay took them over last. One that starts serves them before any agent speaks
to it.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import read_kept
from daprdockr.relay.message import ROUTES, SOCKET, decode_state

MAX_BYTES = 64 * 1024 * 1024


@frozen
class RelayFiles:
    directory: Path

    @property
    def routes(self) -> Path:
        return self.directory / ROUTES

    @property
    def socket(self) -> Path:
        return self.directory / SOCKET

    @property
    def process(self) -> Path:
        return self.directory / "process.json"

    @property
    def output(self) -> Path:
        return self.directory / "output.log"

    def needed(self) -> bool:
        """Return whether an earlier agent left a relay, or routes for one."""
        known = read_kept(self.routes, MAX_BYTES, decode_state)
        return self.process.exists() or (known is not None and bool(known[1].routes))

    def keep_state(self, message: bytes) -> None:
        """Store the routes for the next relay."""
        replace_file(self.routes, message, synced=True)
