# -*- test-case-name: tests.unit.agent.certifying.test_sealed_pairs -*-
"""
The certificates that etcd has: read when the mirror shows a new stamp, kept sealed in the state directory, and opened
with the cluster key.

Note [Sealed on the disk]
    A node that was rebooted serves HTTPS without etcd: the sealed pairs are in the state directory, as etcd has them,
    and the cluster key opens them. So nobody gets a private key by the state directory alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, frozen
from twisted.logger import Logger

from daprdockr.model.errors import BadInput, EtcdError, EtcdUnavailable
from daprdockr.model.known.view import ClusterView
from daprdockr.model.members import encode_members
from daprdockr.model.reading import parse_json
from daprdockr.model.seams import Store
from daprdockr.model.stored.certificate import STORED, CertificateRecord
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import read_kept
from daprdockr.proxy.certificates import Certificate
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import facts_of, open_pair

MOST_BYTES = 64 * 1024 * 1024


@frozen
class KeptPairs:
    """The file with the sealed pairs. Blocking. See Note [Sealed on the disk]."""

    path: Path

    def read(self) -> dict[str, SealedValue]:
        return read_kept(self.path, MOST_BYTES, _decode) or {}

    def write(self, pairs: dict[str, SealedValue]) -> None:
        content = {name: json.loads(value.encode()) for name, value in pairs.items()}
        replace_file(self.path, encode_members(content), synced=True)


@frozen
class Sources:
    """Where sealed pairs come from: ``store`` blocks, so ``run`` calls it in a thread; ``keys`` are those here now."""

    store: Store
    run: Run
    cluster: ClusterView
    keys: Callable[[], Sequence[PrivateKey]]


class SealedPairs:
    """:param files: runs the calls that read and write ``kept``."""

    log = Logger()

    def __init__(self, sources: Sources, kept: KeptPairs, files: Run) -> None:
        self._sources = sources
        self._kept = kept
        self._files = files
        self._sealed: dict[str, SealedValue] | None = None
        self._written: dict[str, SealedValue] = {}
        self._opened: dict[tuple[str, str, str], Certificate] = {}
        self._unkept = LoggedOnce(lambda why: self.log.warn("sealed certificates were not kept: {why}", why=why))
        self.troubles: dict[str, str] = {}
        """Why certificates of etcd are not served, by name, as of the last time."""
        self.unopened: set[str] = set()
        """Those of them that cannot be opened here, perhaps because this node lacks the key."""

    async def certificates(self) -> list[Certificate]:
        """
        Return those of etcd that can be opened. If a new one cannot be read or opened, the former one counts, and one
        leaves when an etcd that is believed has it no more.
        """
        if self._sealed is None:
            self._written = await self._files(self._kept.read)
            self._sealed = dict(self._written)
        cluster, sealed = self._sources.cluster, self._sealed
        self.troubles, self.unopened = {}, set()
        away = ""
        for name, record in list(cluster.certificates.items()):
            away = await self._fetch(name, record, sealed, away)
        if cluster.history.unbroken:
            for name in sealed.keys() - cluster.certificates.keys():
                del sealed[name]
        # Nothing is kept of a host name that is gone, its key least of all.
        self._opened = {place: one for place, one in self._opened.items() if place[0] in sealed}
        found = [certificate for name in sorted(sealed) if (certificate := self._open(name, sealed[name]))]
        await self._keep(dict(sealed))
        return found

    async def _keep(self, sealed: dict[str, SealedValue]) -> None:
        if sealed == self._written:
            return
        try:
            await self._files(self._kept.write, sealed)
        except OSError as error:
            self._unkept.found(str(error.strerror))
        else:
            self._written = sealed
            self._unkept.found("")

    async def _fetch(self, name: str, record: CertificateRecord, sealed: dict[str, SealedValue], away: str) -> str:
        """
        Read one that is new. Return why etcd does not answer, "" if it does; while it does not, it is asked once and
        not for each, or all others would wait for so many timeouts.
        """
        if name in sealed and (sealed[name].stamp, sealed[name].key) == (record.stamp, record.key):
            return away
        if away:
            self.troubles[name] = away
            return away
        sources = self._sources
        try:
            entry = await sources.run(sources.store.get, sources.cluster.keys.sealed_certificate(name))
            if entry is None:
                self.troubles[name] = "it is not there: store it again"
            else:
                sealed[name] = SealedValue.decode(entry.value)
        except (EtcdError, BadInput) as error:
            self.troubles[name] = f"it cannot be read: {error}"
            if isinstance(error, EtcdUnavailable):
                return self.troubles[name]
        return ""

    def _open(self, name: str, sealed: SealedValue) -> Certificate | None:
        place = (name, sealed.stamp, sealed.key)
        record = self._sources.cluster.certificates.get(name)
        if place not in self._opened:
            try:
                pair = open_pair(self._sources.keys(), name, sealed)
                opened = Certificate(name, STORED, pair, facts_of(pair))
            except BadInput as error:
                self.troubles[name] = str(error)
                self.unopened.add(name)
                return next((one for known, one in self._opened.items() if known[0] == name), None)
            self._opened = {known: value for known, value in self._opened.items() if known[0] != name}
            self._opened[place] = opened
        if record is not None and record.source != self._opened[place].source:
            self._opened[place] = evolve(self._opened[place], source=record.source)  # it may not have been known before
        return self._opened[place]


def _decode(content: bytes) -> dict[str, SealedValue]:
    """:raises BadInput: it is not what ``KeptPairs.write`` wrote."""
    document = parse_json(content, MOST_BYTES)
    if not isinstance(document, dict):
        raise BadInput("it is no object")
    return {name: SealedValue.decode(encode_members(value)) for name, value in document.items()}
