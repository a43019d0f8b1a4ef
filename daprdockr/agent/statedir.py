"""
The state directory: everything this agent writes, one file for each thing it must know after a restart.

Blocking; called before the reactor runs, or in a thread. What can not be read counts as not there, with the reason
told: an agent that forgot is slower, an agent that does not start is worse.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from twisted.logger import Logger

from daprdockr.model.entries import Listing
from daprdockr.model.errors import BadInput
from daprdockr.model.reading import integer
from daprdockr.model.snapshot import decode_listing, encode_listing
from daprdockr.process.whole import write_whole

_LEASE = integer(0, 2**63 - 1)


class StateDir:
    """:param path: made if it is not there; one agent at a time."""

    log = Logger()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def lock(self) -> None:
        """:raises BadInput: another agent uses this directory, or it can not be made."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._close_to_others()
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"--state-dir {self.path} is in use by another agent: give each its own") from None
        except OSError as error:
            raise BadInput(f"--state-dir {self.path} can not be used: {error.strerror}") from None

    def _close_to_others(self) -> None:
        """
        Leave the directory and what an older agent wrote into it to the owner alone.

        :raises BadInput: the directory belongs to another user. :raises OSError: a mode can not be changed.
        """
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise BadInput(
                f"--state-dir {self.path} belongs to user {owner}, not to user {os.geteuid()} who runs this agent: "
                "choose a directory of your own"
            )
        self.path.chmod(0o700)
        for file in self.path.iterdir():
            if file.is_file() and not file.is_symlink():
                file.chmod(0o600)

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_listing(self) -> Listing | None:
        """The last known state of the cluster."""
        try:
            return decode_listing((self.path / "cluster.json").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, BadInput) as error:
            self.log.warn("the last known state is not used: {reason}", reason=error)
            return None

    def write_listing(self, listing: Listing) -> None:
        write_whole(self.path / "cluster.json", encode_listing(listing), synced=True)

    def read_lease(self) -> int:
        """The lease this node held last, 0 if none is known."""
        try:
            lease = json.loads((self.path / "lease.json").read_bytes())["Lease"]
            return _LEASE(lease, "Lease")
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BadInput):
            return 0

    def write_lease(self, lease: int) -> None:
        write_whole(self.path / "lease.json", json.dumps({"Lease": lease}).encode(), synced=True)

    def read_guard(self) -> bytes | None:
        """The orders that the guard of this host was given last; None: never any."""
        try:
            return (self.path / "guard.json").read_bytes()
        except OSError:
            return None

    def write_guard(self, orders: bytes) -> None:
        """Not synced: no orders outlive the boot they were given in, and a beat must not wait for the disk."""
        write_whole(self.path / "guard.json", orders, synced=False)
