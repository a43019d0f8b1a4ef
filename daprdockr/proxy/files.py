"""
The files of the proxy, all in one directory below the state directory. Blocking: called in a thread.

Note [Last good]
    nginx reads ``nginx.conf`` when it starts or reloads; ``last-good.conf`` is the text it was last seen to serve. A
    text becomes ``nginx.conf`` after ``nginx -t`` passed it, and ``last-good.conf`` after nginx answered with its
    generation. A crash may come at any point in between: an agent that starts, or whose reload failed, puts the last
    good text back. Only that text is therefore synced to the disk.

Note [Yesterday's routes]
    ``routes.json`` holds the routes as nginx took them over last. An nginx that starts reads them before any agent
    speaks to it. Nothing waits for this file: routes are in force before it is written, and a disk that is full or
    hangs delays no change.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from pathlib import Path

from attrs import frozen

from daprdockr.guard.regular import read_regular
from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import private_directory, read_kept, set_aside
from daprdockr.proxy.configuration import SOCKET, checked

MAX_BYTES = 64 * 1024 * 1024
"""The largest configuration that is read, in bytes: 10,000 sites take about 5 MB."""


_KEYS = re.compile(rb'door_tls\.seed\("([^"]+)/certificates\.json"\)')
"""Finds the directory with the keys of certificates in a configuration that has TLS listeners."""


@frozen
class ProxyFiles:
    """Every file that is read is written atomically: into a draft beside it, then renamed."""

    directory: Path

    @property
    def configuration(self) -> Path:
        return self.directory / "nginx.conf"

    @property
    def candidate(self) -> Path:
        return self.directory / "candidate.conf"

    @property
    def last_good(self) -> Path:
        return self.directory / "last-good.conf"

    @property
    def routes(self) -> Path:
        """See Note [Yesterday's routes]."""
        return self.directory / "routes.json"

    @property
    def socket(self) -> Path:
        return self.directory / SOCKET

    @property
    def process(self) -> Path:
        return self.directory / "process.json"

    @property
    def output(self) -> Path:
        return self.directory / "error.log"

    def prepare(self) -> bool:
        """Create the directory, put the last good text back; return whether there is a configuration to start with."""
        private_directory(self.directory)
        with contextlib.suppress(OSError):  # a full disk: the text there has passed nginx's test at least
            self.put_back()
        return read_kept(self.configuration, MAX_BYTES, checked) is not None

    def propose(self, text: str) -> None:
        """Write the candidate, which nobody reads but ``nginx -t``."""
        replace_file(self.candidate, text.encode(), synced=False)

    def install(self) -> None:
        """Make the candidate the configuration."""
        os.replace(self.candidate, self.configuration)

    def keep(self) -> None:
        """Store the configuration as good. The keys of a former one go, unless they are where its own are."""
        text, former = read_regular(self.configuration, MAX_BYTES), read_kept(self.last_good, MAX_BYTES, bytes)
        if former != text:
            replace_file(self.last_good, text, synced=True)
            self._remove_keys(_places_of_keys(former) - _places_of_keys(text))

    def forget_keys(self) -> None:
        """Remove the keys of the last good configuration, as far as that is possible: there is to be no nginx."""
        self._remove_keys(_places_of_keys(read_kept(self.last_good, MAX_BYTES, bytes)))

    def _remove_keys(self, places: frozenset[Path]) -> None:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)

    def keep_state(self, message: bytes) -> None:
        """Store the routes for the next nginx."""
        replace_file(self.routes, message, synced=True)

    def put_back(self) -> None:
        """Make the last good text the configuration; a no-op without one. See Note [Last good]."""
        text = read_kept(self.last_good, MAX_BYTES, checked)
        # A text that is there already is not written again: a full disk keeps no nginx from its start.
        if text is not None and text != read_kept(self.configuration, MAX_BYTES, bytes):
            replace_file(self.configuration, text, synced=False)

    def clear_socket(self) -> None:
        """
        Remove the socket of a killed nginx, which would keep the next one from binding.

        :raises OSError: the disk is read-only, where no nginx can bind.
        """
        try:
            self.socket.unlink(missing_ok=True)
        except OSError as error:
            if error.errno == errno.EROFS:
                raise
            set_aside(self.socket, f"it is no socket: {error.strerror}")


def _places_of_keys(text: bytes | None) -> frozenset[Path]:
    """Return the directories with keys, each by one name only: ``/var/run`` is a link to ``/run``."""
    found = (Path(os.fsdecode(one)) for one in _KEYS.findall(text or b""))
    return frozenset(Path(os.path.realpath(one.parent), one.name) for one in found)
