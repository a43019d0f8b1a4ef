# -*- test-case-name: tests.unit.agent.renewing.test_renewer -*-
"""
One attempt to get the certificate of a host name, from whatever the last attempt left.

Note [One order]
    The URL of an order and the key of its certificate are stored before anything else is done with it. A renewer that
    is killed leaves the order to the next one, which goes on where it stands, so that it costs none of the orders that
    a server grants. Only an order whose URL was not stored yet is lost: a few milliseconds, between two requests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from daprdockr.acme.keys import SigningKey, renewal_id
from daprdockr.acme.orders import DNS, Ordering
from daprdockr.agent.office import Term
from daprdockr.agent.renewing.texts import Texts
from daprdockr.agent.renewing.vault import TermEnded, Vault
from daprdockr.model.errors import AcmeUnavailable, BadInput, EtcdError, OrderLost
from daprdockr.model.stored.certificate import ACME, CertificateRecord, certificate_puts
from daprdockr.model.stored.entries import Put, Unchanged
from daprdockr.model.stored.renewal import OrderRecord, RenewalRecord
from daprdockr.runtime.pool import Run
from daprdockr.sealing.certificates import facts_of, read_pair, seal_pair

T = TypeVar("T")

WITHIN = 60.0
"""Seconds that a server is given for each of the two long steps of an order."""

REST = 60.0
"""Seconds after a new certificate in which no other one is ordered: the mirror may not know of it yet."""

REHEARSALS = 3
"""After so many failures a name does without the checks of a staging directory that does not answer."""

HARD = 120.0
"""Seconds after which a request is given up whatever its thread is doing."""


class Reaching(Protocol):
    """Checks whether the nodes are reached under a host name. :raises NotFound: they are not, with the reason."""

    async def __call__(self, host_name: str) -> None: ...


@frozen
class Servers:
    """
    The ACME servers of one account, and the threads in which they are asked.

    :ivar staging: for the trial of a new name; None: there is none.
    """

    usual: Ordering
    staging: Ordering | None
    run: Run
    reactor: IReactorTime

    async def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a blocking call to a server. :raises AcmeError: as the call, or it did not end."""
        try:
            return await self.run(call, *arguments).addTimeout(HARD, self.reactor)
        except DeferredTimeout:
            raise AcmeUnavailable(f"the ACME server keeps us waiting for more than {HARD:g} s") from None


@frozen
class Chances:
    """``fraction`` gives random numbers in [0, 1), ``draw`` numbers for stamps, ``wall`` wall-clock seconds."""

    fraction: Callable[[], float]
    draw: Callable[[], int]
    wall: Callable[[], float]


@frozen
class Obtaining:
    """
    The attempts of one term.

    :ivar records: the outcomes by host name, which are kept up to date.
    """

    term: Term
    vault: Vault
    servers: Servers
    reaching: Reaching
    texts: Texts
    chances: Chances
    records: dict[str, RenewalRecord]

    def record(self, host_name: str) -> RenewalRecord:
        return self.records.get(host_name, RenewalRecord())

    async def __call__(self, host_name: str) -> None:
        """
        Store a new certificate, and the outcome.

        :raises AcmeError, BadInput, NotFound: the attempt failed. :raises EtcdError, TermEnded: it may go on later.
        """
        try:
            order = await self._order(host_name)
            await self._fulfil(self.servers.usual, order.url)
        except CancelledError:  # the agent stops, and the server may be looking at this moment
            raise
        except Exception:
            with suppress(EtcdError, TermEnded):  # why the attempt failed counts, not that its text stays a while
                await self.hide(host_name)
            raise
        await self.hide(host_name)
        key = SigningKey(order.key.encode())
        request = key.request(host_name)
        chain = await self.servers.ask(self.servers.usual.finish, order.url, request, WITHIN)
        await self._store(host_name, chain, key)

    async def hide(self, host_name: str) -> None:
        """Have no node answer with the text of a name, if it has one."""
        if host_name.startswith("*."):  # an attempt for the bare name may run beside it, without text
            await self.texts.hide(host_name.removeprefix("*."))

    async def _order(self, host_name: str) -> OrderRecord:
        """Return the order to go on with, or a new one. See Note [One order]."""
        present = await self._present(host_name)
        if present is not None and present.directory == self.servers.usual.directory:
            return present
        await self.reaching(host_name)
        await self._rehearse(host_name)
        former = self.record(host_name).renewal_id
        url = await self.servers.ask(self.servers.usual.order, host_name, former)
        order = OrderRecord(url, self.servers.usual.directory, SigningKey.generate().pem.decode())
        await self.vault.keep_order(self.term, host_name, order)
        return order

    async def _present(self, host_name: str) -> OrderRecord | None:
        """Return the order that is under way. :raises OrderLost: what is stored of it cannot be read any more."""
        try:
            return await self.vault.order(host_name)
        except BadInput as error:
            await self.vault.public()  # a node without the cluster's present key leaves the order to another one
            reason = str(error).partition(": ")[0]
            raise OrderLost(f"the order under way cannot be read, so another one is begun next: {reason}") from None

    async def _rehearse(self, host_name: str) -> None:
        """Have a new name pass the checks of the staging directory, which has more patience with names that fail."""
        staging, record = self.servers.staging, self.record(host_name)
        if staging is None or record.rehearsed:
            return
        try:
            await self._fulfil(staging, await self.servers.ask(staging.order, host_name, ""))
        except AcmeUnavailable:
            if record.failures < REHEARSALS:
                raise
            return  # it is for trials alone, and may be away when the usual one is not
        self.records[host_name] = evolve(record, rehearsed=True)
        await self.vault.keep(self.term, host_name, self.records[host_name])

    async def _fulfil(self, server: Ordering, url: str) -> None:
        """Answer the challenges of an order that has open ones: every node does."""
        status = await self.servers.ask(server.look, url)
        if status.status != "pending":
            return
        for challenge in status.challenges:
            if challenge.kind == DNS:
                await self.texts.show(challenge.host_name, challenge.value)
        await self.servers.ask(server.answer, url, status.challenges, WITHIN)

    async def _store(self, host_name: str, chain: bytes, key: SigningKey) -> None:
        try:
            pair = read_pair(chain, key.pem)
            facts = facts_of(pair)
            known_as = renewal_id(chain)
        except BadInput as error:
            raise OrderLost(f"the ACME server sent no usable certificate: {error}") from None
        if not facts.is_for(host_name):
            raise OrderLost(f"the ACME server sent a certificate for {', '.join(facts.names)}")
        vault, now = self.vault, self.chances.wall()
        public = await vault.public()
        place = vault.keys.certificate(host_name)
        before = await vault.run(vault.store.get, place)
        stored = CertificateRecord(f"{self.chances.draw():x}", public.id, facts, ACME, now)
        done = RenewalRecord(time=now, next_attempt=now + REST, rehearsed=True, renewal_id=known_as, ask=now)
        puts = certificate_puts(vault.keys, host_name, stored, seal_pair(public, host_name, stored, pair))
        outcome = Put(vault.keys.renewal(host_name), done.encode())
        unchanged = Unchanged(place, before.mod_revision if before is not None else 0)
        await vault.commit(self.term, [*puts, outcome, vault.without_order(host_name)], [unchanged])
        self.records[host_name] = done
