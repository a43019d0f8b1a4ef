# -*- test-case-name: tests.unit.cli.commands.test_rotate_key -*-
"""
Replacing the cluster key, in two runs of one command: the first adds a new key to the file, which then has to be copied
to all nodes; the second has the cluster use it and seals all secrets and certificates again, and what the renewer
keeps. A run that was interrupted is repeated, and a third one does nothing: the key that was replaced, still in the
file, shows that all is done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attrs import evolve, frozen

from daprdockr.cli.request import Request
from daprdockr.cli.secrets import NoClusterKey, OtherClusterKey
from daprdockr.cli.stored import Transaction, change
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Store
from daprdockr.model.stored.certificate import CertificateRecord, certificate_puts
from daprdockr.model.stored.entries import Entry, Put, Unchanged
from daprdockr.model.stored.renewal import bound_to_renewer
from daprdockr.model.stored.sealed import PublicKey, SealedValue, SecretRecord, bound_to, public_key
from daprdockr.sealing.boxes import PrivateKey, seal
from daprdockr.sealing.certificates import open_pair, seal_pair
from daprdockr.sealing.key_file import add_key, read_keys

MOST_TOLD = 5
"""So many values that cannot be sealed again are named at a time."""


class KeyNotCopied(DaprdockrError):
    """Nodes have the former key and not the new one."""


_Sealed = SecretRecord | CertificateRecord | SealedValue


@frozen
class Rotation:
    """
    ``key`` is the newest in the file; ``added`` says that it is new, otherwise so many values were ``sealed``; or
    nothing was to be ``done``.
    """

    key: PublicKey
    added: bool = False
    sealed: int = 0
    done: bool = True


@frozen
class KeyRotation:
    """:ivar path: the file with the keys."""

    request: Request
    store: Store
    path: Path

    def run(self) -> Rotation:
        """
        Do the next of the two things.

        :raises NoClusterKey, OtherClusterKey: the file does not have the key that the cluster uses.
        :raises BadInput: some values could not be sealed again; all others were.
        :raises KeyNotCopied: nodes could not open the secrets any more; ``-yes`` ignores that, and begins another
            rotation where one is over.
        """
        keys, entry = read_keys(self.path), self.store.get(self.request.keys.public_key)
        if entry is None:
            raise NoClusterKey("there is no cluster key yet: daprdockrcmd secret key FILE makes one")
        present, newest = public_key(entry), keys[0].public
        if present not in [key.public for key in keys]:
            raise OtherClusterKey(f"{self.path} does not have the key of this cluster, {present.id}")
        secrets = self._behind(newest, self.request.keys.secrets, SecretRecord.decode)
        pairs = self._behind(newest, self.request.keys.certificates, CertificateRecord.decode)
        if present == newest and not (secrets or pairs or self._of_renewer(newest)):
            if len(keys) > 1 and not self.request.yes:
                return Rotation(newest, done=False)
            return Rotation(add_key(self.path, keys).public, added=True)
        self._check_copied(newest)
        if present != newest:
            self._publish(newest, entry)
        return Rotation(newest, sealed=self._seal_again(secrets, pairs, keys))

    def _publish(self, newest: PublicKey, present: Entry) -> None:
        """Have the cluster use the newest key."""
        conditions, operations = [Unchanged(present.key, present.mod_revision)], [Put(present.key, newest.encode())]
        if not self.store.commit(conditions, operations).succeeded:
            raise DaprdockrError("somebody else is replacing the cluster key: try again")

    def _seal_again(self, secrets: Sequence[str], pairs: Sequence[str], keys: Sequence[PrivateKey]) -> int:
        """
        Seal these, and what the renewer keeps, to the newest key; return how many there were.

        :raises BadInput: some could not be sealed again; all others were.
        """
        failed = [*_failures(self._seal, secrets, keys), *_failures(self._seal_pair, pairs, keys)]
        places = self._of_renewer(keys[0].public)  # it may have written with the former key until now
        failed += _failures(self._seal_of_renewer, places, keys)
        if failed:
            more = f"; and so for {len(failed) - MOST_TOLD} more" if len(failed) > MOST_TOLD else ""
            raise BadInput("; ".join(failed[:MOST_TOLD]) + more)
        return len(secrets) + len(pairs) + len(places)

    def _of_renewer(self, newest: PublicKey) -> list[str]:
        """Return the places of its account and orders, as ``_behind``. The key of its office is no sealed value."""
        return self._behind(newest, self.request.keys.renewing, SealedValue.decode)

    def _behind(self, newest: PublicKey, place: str, decode: Callable[[bytes], _Sealed]) -> list[str]:
        """
        Return what stands below ``place`` and is sealed to another key than the newest, but for values that cannot be
        read, which are a newer version's to seal.
        """
        found = []
        for entry in self.store.list(place).entries:
            with contextlib.suppress(BadInput):
                if decode(entry.value).key != newest.id:
                    found.append(entry.key.removeprefix(place))
        return found

    def _check_copied(self, newest: PublicKey) -> None:
        cluster = Cluster(self.request.keys)
        cluster.replace(self.store.list(self.request.keys.mirrored))
        nodes = {name: node.record.keys for name, node in cluster.nodes.items()}
        behind = sorted(name for name, keys in nodes.items() if keys and newest.id not in keys)
        if behind and not self.request.yes:
            raise KeyNotCopied(
                f"{', '.join(behind)} {'lacks' if len(behind) == 1 else 'lack'} the new key: copy {self.path} there,"
                " wait some seconds and run this again, or add -yes"
            )

    def _seal(self, name: str, keys: Sequence[PrivateKey]) -> None:
        """Seal a secret to the newest key. It keeps its stamp, so no container is replaced."""
        places, newest = self.request.keys, keys[0].public

        def transaction(entry: Entry | None) -> Transaction | None:
            sealed = self.store.get(places.sealed_secret(name))
            if entry is None or sealed is None:
                return None
            record = SecretRecord.decode(entry.value)
            if record.key == newest.id:
                return None
            try:
                again = self._sealed_again(sealed, keys, lambda stamp: bound_to(name, stamp))
            except BadInput as error:
                raise BadInput(f"secret {name} cannot be sealed again, {_reason(error)}: set it again") from None
            puts = Put(entry.key, evolve(record, key=newest.id).encode()), Put(sealed.key, again.encode())
            return (Unchanged(entry.key, entry.mod_revision), Unchanged(sealed.key, sealed.mod_revision)), puts

        change(self.store, places.secret(name), transaction)

    def _sealed_again(self, entry: Entry, keys: Sequence[PrivateKey], bound_by: Callable[[str], bytes]) -> SealedValue:
        """Return what a value is when it is sealed to the newest key. :raises BadInput: no key here opens it."""
        value, newest = SealedValue.decode(entry.value), keys[0].public
        key = next((key for key in keys if key.public.id == value.key), None)
        if key is None:
            raise BadInput(f"it is sealed to key {value.key}, which is not in {self.path}")
        bound = bound_by(value.stamp)
        return SealedValue(newest.id, value.stamp, seal(newest, key.open(value.sealed, bound), bound))

    def _seal_of_renewer(self, place: str, keys: Sequence[PrivateKey]) -> None:
        """Seal an account or an order to the newest key; an order that is over meanwhile needs it no more."""

        def transaction(entry: Entry | None) -> Transaction | None:
            if entry is None:
                return None
            try:
                again = self._sealed_again(entry, keys, lambda stamp: bound_to_renewer(place))
            except BadInput as error:
                raise BadInput(f"{entry.key} cannot be sealed again, {_reason(error)}: delete it in etcd") from None
            return (Unchanged(entry.key, entry.mod_revision),), (Put(entry.key, again.encode()),)

        change(self.store, self.request.keys.renewing + place, transaction)

    def _seal_pair(self, name: str, keys: Sequence[PrivateKey]) -> None:
        """Seal a certificate to the newest key."""
        places, newest = self.request.keys, keys[0].public

        def transaction(entry: Entry | None) -> Transaction | None:
            sealed = self.store.get(places.sealed_certificate(name))
            if entry is None or sealed is None:
                return None
            record = CertificateRecord.decode(entry.value)
            if record.key == newest.id:
                return None
            try:
                pair = open_pair(keys, name, SealedValue.decode(sealed.value))
            except BadInput as error:
                reason = _reason(error)
                raise BadInput(f"the certificate of {name} cannot be sealed again, {reason}: store it again") from None
            record = evolve(record, key=newest.id)
            conditions = Unchanged(entry.key, entry.mod_revision), Unchanged(sealed.key, sealed.mod_revision)
            return conditions, certificate_puts(places, name, record, seal_pair(newest, name, record, pair))

        change(self.store, places.certificate(name), transaction)


def _failures(
    seal_again: Callable[[str, Sequence[PrivateKey]], None], names: Iterable[str], keys: Sequence[PrivateKey]
) -> list[str]:
    """Seal all that can be sealed again; return why the others cannot. One that is damaged holds no other one back."""
    found = []
    for name in names:
        try:
            seal_again(name, keys)
        except BadInput as error:
            found.append(str(error))
    return found


def _reason(error: BadInput) -> str:
    """Return why, without what to do."""
    return str(error).partition(": ")[0]
