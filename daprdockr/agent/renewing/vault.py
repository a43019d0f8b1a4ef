# -*- test-case-name: tests.unit.agent.renewing.test_renewer -*-
"""Everything that the renewer keeps in etcd: read and opened, sealed and written under the fence of its term."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from daprdockr.acme.keys import SigningKey
from daprdockr.agent.office import Term
from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Delete, Operation, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.renewal import ChallengeRecord, OrderRecord, RenewalRecord, bound_to_renewer, read_renewals
from daprdockr.model.stored.sealed import PublicKey, SealedValue, public_key
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey, seal

STAMP = "acme"
"""Of all sealed values of the renewer: they are bound to their places."""


class TermEnded(DaprdockrError):
    """A write was refused, because this node is not the renewer any more, or because somebody else wrote, too."""


class NoSuchKey(BadInput):
    """This node does not have the key that the work needs; another one may have it."""


@frozen
class Vault:
    """:ivar private: returns the cluster keys that this node has now."""

    store: Store
    run: Run
    keys: Keys
    private: Callable[[], Sequence[PrivateKey]]

    async def public(self) -> PublicKey:
        """Return the key to seal to. :raises NotFound: there is none. :raises NoSuchKey: this node cannot open it."""
        entry = await self.run(self.store.get, self.keys.public_key)
        if entry is None:
            raise NotFound("certificates need a cluster key, and there is none: daprdockrcmd secret key FILE makes one")
        key = public_key(entry)
        if all(one.public.id != key.id for one in self.private()):
            raise NoSuchKey(f"this node does not have the cluster key {key.id}, so another one has to be the renewer")
        return key

    async def account(self, term: Term) -> SigningKey:
        """
        Return the key of the account, which is made, or sealed to another key of the cluster, where need be.

        :raises NoSuchKey, BadInput: it cannot be opened, or is damaged, and what to do.
        """
        public = await self.public()
        try:
            found, sealed_to = await self._opened("account")
            key = SigningKey.generate() if found is None else SigningKey(found).checked()
        except NoSuchKey:
            raise
        except BadInput as error:
            reason = str(error).partition(": ")[0]
            raise BadInput(
                f"{self.keys.renewing}account cannot be used, {reason}: delete it in etcd, and another account is made"
            ) from None
        if sealed_to != public.id:
            await self.commit(term, [self._sealed(public, "account", key.pem)])
        return key

    async def answered(self) -> ChallengeRecord | None:
        """Return the answers of every node to challenges; None: there are none that can be read."""
        entry = await self.run(self.store.get, self.keys.challenge)
        try:
            return None if entry is None else ChallengeRecord.decode(entry.value)
        except BadInput:
            return None

    async def under_way(self) -> frozenset[str]:
        """Return the names that have an order."""
        place = f"{self.keys.renewing}orders/"
        listing = await self.run(self.store.list, place)
        return frozenset(entry.key.removeprefix(place) for entry in listing.entries)

    async def challenge(self, term: Term, answer: ChallengeRecord) -> int:
        """
        Store the answers of every node to challenges, unless they are there; return the revision of their last change.
        """
        value = answer.encode()
        entry = await self.run(self.store.get, self.keys.challenge)
        if entry is not None and entry.value == value:
            return entry.mod_revision
        return await self.commit(term, [Put(self.keys.challenge, value)])

    async def records(self) -> dict[str, RenewalRecord]:
        """Return the outcomes of attempts, by host name; one that cannot be read counts for none."""
        place = self.keys.renewals
        return read_renewals((await self.run(self.store.list, place)).entries, place)

    async def order(self, host_name: str) -> OrderRecord | None:
        """Return the order that is under way for a name."""
        found, _ = await self._opened(f"orders/{host_name}")
        return None if found is None else OrderRecord.decode(found)

    async def keep_order(self, term: Term, host_name: str, order: OrderRecord) -> None:
        await self.commit(term, [self._sealed(await self.public(), f"orders/{host_name}", order.encode())])

    async def keep(self, term: Term, host_name: str, record: RenewalRecord, *, drop_order: bool = False) -> None:
        """Store the outcome of an attempt."""
        dropped = [self.without_order(host_name)] if drop_order else []
        await self.commit(term, [Put(self.keys.renewal(host_name), record.encode()), *dropped])

    async def forget(self, term: Term, host_name: str) -> None:
        """Delete everything about a name that nobody wants any more."""
        await self.commit(term, [Delete(self.keys.renewal(host_name)), self.without_order(host_name)])

    def without_order(self, host_name: str) -> Operation:
        return Delete(f"{self.keys.renewing}orders/{host_name}")

    async def commit(self, term: Term, operations: Sequence[Operation], conditions: Sequence[Condition] = ()) -> int:
        """Write, and return the revision. :raises TermEnded: nothing was: see Note [One holder] in ``office``."""
        done = await self.run(self.store.commit, [term.fence, *conditions], operations)
        if not done.succeeded:
            raise TermEnded("a write of the renewer was refused")
        return done.revision

    async def _opened(self, place: str) -> tuple[bytes | None, str]:
        """Return what is sealed at a place, and the id of its key; None: nothing, or nothing that opens here."""
        entry = await self.run(self.store.get, self.keys.renewing + place)
        if entry is None:
            return None, ""
        sealed = SealedValue.decode(entry.value)
        key = next((key for key in self.private() if key.public.id == sealed.key), None)
        if key is None:
            place = self.keys.renewing + place
            raise NoSuchKey(f"{place} is sealed to key {sealed.key}, which this node does not have: copy its file here")
        return key.open(sealed.sealed, bound_to_renewer(place)), sealed.key

    def _sealed(self, public: PublicKey, place: str, value: bytes) -> Operation:
        sealed = SealedValue(public.id, STAMP, seal(public, value, bound_to_renewer(place)))
        return Put(self.keys.renewing + place, sealed.encode())
