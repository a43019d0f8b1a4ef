# -*- test-case-name: tests.unit.cli.test_volume_archives -*-
"""
A volume as a tar archive on stdout, and one on stdin into a volume, by way of the node that has the instance. Neither
is held in memory.
"""

from __future__ import annotations

import os
import time

from attrs import frozen

from daprdockr.cli.claimed_places import place_of
from daprdockr.cli.definitions import author
from daprdockr.cli.duplex import Duplex, Sink
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.sessions.client import SessionFailed, SessionLost, Sessions

_BLOCK = 512
_MAGIC = slice(257, 262)


@frozen
class Archives:
    """``stdin`` and ``stdout`` are descriptors."""

    request: Request
    store: Store
    stdin: int = 0
    stdout: int = 1

    def backup(self, instance: InstanceName, volume: str) -> None:
        """
        :raises BadInput: stdout is a terminal.
        :raises NotFound: the instance is on no node.
        :raises SessionFailed: the archive is not whole.
        """
        if os.isatty(self.stdout):
            raise BadInput("volume backup writes a tar archive: redirect it, as in > data.tar")
        node = place_of(self.request, self.store, instance)
        session = self._sessions.open(node, BackupAsked(instance, volume))
        try:
            Duplex(session, None, {FrameKind.OUTPUT: Sink(self.stdout, lasts=True)}).run()
        except SessionFailed as error:
            raise SessionFailed(f"{error}; the archive that was written is not whole") from None
        finally:
            session.close()

    def restore(self, instance: InstanceName, volume: str) -> None:
        """
        :raises BadInput: stdin is no archive.
        :raises NotFound: the instance is on no node.
        :raises SessionFailed: not all of it is in the volume.
        """
        if os.isatty(self.stdin):
            raise BadInput("volume restore reads a tar archive: redirect it, as in < data.tar")
        first = self._first()
        node = place_of(self.request, self.store, instance)
        session = self._sessions.open(node, RestoreAsked(instance, volume))
        try:
            duplex = Duplex(session, self.stdin, {})
            duplex.send(FrameKind.INPUT, first)
            duplex.run()
        except SessionLost as error:
            part = f"volume {volume} may have a part of the archive, restore it again"
            raise SessionFailed(f"not restored: {error}; {part}") from None
        except SessionFailed as error:
            raise SessionFailed(f"not restored: {error}") from None
        finally:
            session.close()

    def _first(self) -> bytes:
        """Return the first block. :raises BadInput: no tar archive begins with it."""
        first = b""
        while len(first) < _BLOCK and (data := os.read(self.stdin, _BLOCK - len(first))):
            first += data
        if not first:
            raise BadInput("stdin is empty: give it a tar archive, as in < data.tar")
        if len(first) < _BLOCK or first[_MAGIC] != b"ustar":
            raise BadInput("stdin is no tar archive: decompress it first, as in zcat data.tar.gz |")
        return first

    @property
    def _sessions(self) -> Sessions:
        return Sessions(self.store, self.request.keys, author(self.request), time.monotonic)
