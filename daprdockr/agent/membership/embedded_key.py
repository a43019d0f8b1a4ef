"""
The cluster key of a private etcd: made by the agent that runs it, so that its user can set secrets at once.

Another etcd is shared by nodes that all need the key, so a person makes and copies it there: ``secret key``.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import BadInput, EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Put
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys, read_keys

INTERVAL = 1.0
"""Seconds between two attempts, until etcd has a key."""


class EmbeddedKey(Periodic):
    """
    Makes the key, once, unless etcd has one: a person may have made it before.

    :param place: the key of the public half in etcd.
    :param path: the file with the private keys; one that is there already is used.
    """

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, run: Run, store: Store, place: str, path: Path) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing="the cluster key could not be made", at_once=True)
        self._run = run
        self._store = store
        self._place = place
        self._path = path
        self._is_there = False
        self._logged = LoggedOnce(self._not_made, lambda: None)

    async def poll(self) -> None:
        """Make it, unless it is there."""
        if self._is_there:
            return
        try:
            await self._run(self._make)
        except EtcdError:
            return  # it may have just begun
        except BadInput as error:
            self._logged.found(str(error))
            return
        self._is_there = True

    def _make(self) -> None:
        """:raises EtcdError, BadInput: it cannot be made now."""
        if self._store.get(self._place) is not None:
            return
        if not os.path.lexists(self._path):
            create_keys(self._path, (PrivateKey.generate(),))
            self.log.info("made the cluster key {path}: keep a copy of it", path=str(self._path))
        public = read_keys(self._path)[0].public
        self._store.commit([Absent(self._place)], [Put(self._place, public.encode())])

    def _not_made(self, reason: str) -> None:
        self.log.warn("no secret can be set: {reason}", reason=reason)
