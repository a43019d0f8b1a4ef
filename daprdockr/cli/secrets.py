# -*- test-case-name: tests.unit.cli.commands.test_secret -*-
"""
Secrets in etcd as the command line sees them: sealed, listed and deleted.

Each transaction compares what it was decided on, the public key too, so that no value is left sealed to a key that was
replaced meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.cli.stored import Transaction, change, decoded, decoded_below, unchanged
from daprdockr.cli.users import delete_value, users
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Entry, Operation, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.sealed import PublicKey, SealedValue, SecretRecord, bound_to, public_key
from daprdockr.model.wanted.definition import Definition
from daprdockr.sealing.boxes import PrivateKey, seal
from daprdockr.sealing.key_file import create_keys, read_keys


class NoClusterKey(DaprdockrError):
    """Nobody made a cluster key yet, so that nothing can be sealed."""


class OtherClusterKey(DaprdockrError):
    """The cluster has a key, and it is not the one of this file."""


@frozen
class MadeKey:
    """
    :ivar made: whether the file is new.
    :ivar former: the id of the key that was lost, and that this one replaces; "" for none.
    """

    public: PublicKey
    made: bool
    former: str = ""


@frozen
class Secrets:
    """:ivar wall: wall-clock seconds."""

    request: Request
    store: Store
    wall: Callable[[], float]

    def make_key(self, path: Path) -> MadeKey:
        """
        Make the file with the cluster's key, and put the public one into etcd. A file that is there already is used if
        the cluster has no key, or just this one: so a command that failed half way can be repeated.

        :raises OtherClusterKey: the cluster has another key, which is not lost, or nobody said that it is.
        """
        entry, made = self.store.get(self.request.keys.public_key), False
        before = None if entry is None else public_key(entry)
        if not os.path.lexists(path):
            if before is not None:
                self._check_lost(before, f"the cluster has key {before.id} already")
            create_keys(path, (PrivateKey.generate(),))
            made = True
        keys = [key.public for key in read_keys(path)]
        if before in keys:
            return MadeKey(keys[0], made)
        if before is not None:
            self._check_lost(before, f"{path} is not the key of this cluster, which has {before.id}")
        place = self.request.keys.public_key
        changes = [*self._unreadable_account(keys), Put(place, keys[0].encode())]
        self.store.commit([unchanged(place, entry)], changes)  # another may have been quicker
        present = self._stored_key()
        if present not in keys:
            raise OtherClusterKey(
                f"{path} is not the key of this cluster, which has {present.id if present else 'none'}"
            )
        return MadeKey(keys[0], made, former=before.id if before is not None else "")

    def _check_lost(self, key: PublicKey, why: str) -> None:
        """:raises OtherClusterKey: a node has the key, or nobody said that it is lost."""
        known = snapshot(self.request, self.store).nodes
        nodes = sorted(name for name, node in known.items() if key.id in node.record.keys)
        if nodes:
            kept = "an agent has it until its next start"
            raise OtherClusterKey(f"{why}: copy its file from a node that has it: {', '.join(nodes)}; {kept}")
        if not self.request.yes:
            lost = "if every copy is lost, and each secret is to be set again, add -yes"
            raise OtherClusterKey(f"{why}: copy its file from where it is kept; {lost}")

    def _unreadable_account(self, keys: Sequence[PublicKey]) -> list[Operation]:
        """
        Return what removes the account at an ACME server that none of the keys opens: the renewer, which replaces none
        by itself, makes another one.
        """
        entry = self.store.get(self.request.keys.renewing + "account")
        with suppress(BadInput):
            if entry is not None and SealedValue.decode(entry.value).key not in [key.id for key in keys]:
                return [Delete(entry.key)]
        return []

    def put(self, name: str, value: bytes) -> SecretRecord:
        """Seal the value and store it. :raises NoClusterKey: there is no key to seal it to."""
        keys, stamp = self.request.keys, os.urandom(6).hex()
        written: SecretRecord | None = None

        def transaction(entry: Entry | None) -> Transaction | None:
            nonlocal written
            before = decoded(entry, SecretRecord.decode)
            if before is not None and before.stamp == stamp:  # a lost answer shows as what we want
                written = before
                return None
            (key, public), number = sealing_key(keys, self.store), before.revision + 1 if before else 1
            written = SecretRecord(number, stamp, len(value), public.id, self.wall(), author(self.request))
            sealed = SealedValue(public.id, stamp, seal(public, value, bound_to(name, stamp)))
            conditions = (unchanged(keys.secret(name), entry), unchanged(keys.public_key, key))
            puts = Put(keys.secret(name), written.encode()), Put(keys.sealed_secret(name), sealed.encode())
            return conditions, puts

        change(self.store, keys.secret(name), transaction)
        assert written is not None
        return written

    def delete(self, name: str) -> None:
        """:raises NotFound, ValueInUse: as ``delete_value``."""
        places = self.request.keys.secret(name), self.request.keys.sealed_secret(name)
        delete_value(self.request, self.store, f"secret {name}", places, _names)

    def users(self) -> dict[str, list[str]]:
        """Return the services that use secrets, by secret."""
        return users(self.request.keys, self.store, _names)

    def known(self) -> dict[str, SecretRecord | None]:
        """Return the records of all secrets by name; None is one that this version cannot read."""
        return decoded_below(self.store, self.request.keys.secrets, SecretRecord.decode)

    def _stored_key(self) -> PublicKey | None:
        entry = self.store.get(self.request.keys.public_key)
        return None if entry is None else public_key(entry)


def _names(definition: Definition) -> list[str]:
    return [use.name for use in definition.secrets]


def sealing_key(keys: Keys, store: Store) -> tuple[Entry, PublicKey]:
    """Return the entry of the cluster's public key, and the key. :raises NoClusterKey: there is none."""
    entry = store.get(keys.public_key)
    if entry is None:
        raise NoClusterKey("there is no cluster key to seal it to: daprdockrcmd secret key FILE makes one")
    return entry, public_key(entry)
