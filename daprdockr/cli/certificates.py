# -*- test-case-name: tests.unit.cli.commands.test_certificates -*-
"""Certificates in etcd as the command line sees them: checked and sealed, and deleted."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import frozen

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.secrets import sealing_key
from daprdockr.cli.stored import Transaction, change, decoded, delete_both, unchanged
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.seams import Store
from daprdockr.model.stored.certificate import STORED, CertificatePair, CertificateRecord, certificate_puts
from daprdockr.model.stored.entries import Entry
from daprdockr.sealing.certificates import facts_of, read_pair, seal_pair


@frozen
class Certificates:
    """:ivar wall: wall-clock seconds."""

    request: Request
    store: Store
    wall: Callable[[], float]

    def add(self, chain: bytes, key: bytes) -> tuple[str, CertificateRecord]:
        """
        Seal a pair and store it, in place of one that is stored under the same name: the first of the certificate.

        :raises BadInput: the pair cannot be used, or is not valid any more.
        :raises NoClusterKey: there is no key to seal it to.
        """
        pair = read_pair(chain, key)
        facts, now = facts_of(pair), self.wall()
        if now >= facts.not_after:
            raise BadInput("the certificate has expired: give a newer one")
        name, stamp = facts.names[0], os.urandom(6).hex()
        record = CertificateRecord(stamp, "", facts, STORED, now, author(self.request))
        return name, self._put(name, record, pair)

    def _put(self, name: str, record: CertificateRecord, pair: CertificatePair) -> CertificateRecord:
        keys, written = self.request.keys, record

        def transaction(entry: Entry | None) -> Transaction | None:
            nonlocal written
            before = decoded(entry, CertificateRecord.decode)
            if before is not None and before.stamp == record.stamp:  # a lost answer shows as what we want
                return None
            key, public = sealing_key(keys, self.store)
            written = CertificateRecord(record.stamp, public.id, record.facts, record.source, record.time, record.by)
            conditions = (
                unchanged(keys.certificate(name), entry),
                unchanged(keys.public_key, key),
            )
            return conditions, certificate_puts(keys, name, written, seal_pair(public, name, written, pair))

        change(self.store, keys.certificate(name), transaction)
        return written

    def delete(self, name: str) -> None:
        """:raises NotFound: no certificate is stored under this name."""
        keys = self.request.keys
        if not delete_both(self.store, keys.certificate(name), keys.sealed_certificate(name)):
            raise NotFound(f"no certificate is stored as {name}: daprdockrcmd certificates lists what there is")
