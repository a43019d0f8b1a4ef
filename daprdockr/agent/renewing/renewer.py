# -*- test-case-name: tests.unit.agent.renewing.test_renewer,tests.unit.agent.renewing.test_ousted -*-
"""
The renewer: while this node holds the office, it gets a certificate for each host name that should have one, and renews
it in time. On the other nodes it only waits for the office.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from attrs import evolve, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.acme.keys import SigningKey
from daprdockr.agent.office import Office, Term
from daprdockr.agent.renewing.obtaining import Chances, Obtaining, Reaching, Servers
from daprdockr.agent.renewing.texts import Spread, Texts
from daprdockr.agent.renewing.vault import NoSuchKey, TermEnded, Vault
from daprdockr.model.errors import AcmeError, BadInput, EtcdError, NotFound, OrderLost
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import one_line
from daprdockr.model.stored.renewal import LONGEST_REASON, RenewalRecord
from daprdockr.planning.renewing.schedule import ask_after, drawn, names_to_ask, next_names, pause
from daprdockr.planning.renewing.wanted import lives_in_cluster, wanted_in_cluster
from daprdockr.runtime.periodic import Periodic

POLL = 1.0
"""Seconds between two comparisons of what there should be with what there is."""

MOST_AT_ONCE = 16
"""Attempts under way: a server that hangs holds so many threads."""

SETTLING = 1.0
"""Seconds in which every node learns what to answer to challenges, when that is new."""

REST = 10.0
"""Seconds in which a node does not ask for the office that it could not fill, so that another one gets it."""

ETCD_REST = 5.0
"""Seconds until an attempt goes on that etcd kept from its end."""


@frozen
class Contacts:
    """The world of the renewer of an account: its servers, the check of its names, and the other nodes."""

    servers: Servers
    reaching: Reaching
    spread: Spread


@frozen
class Desk:
    """The knowledge of the renewer in one term. :ivar after: the reactor's time before which nothing is begun."""

    term: Term
    obtain: Obtaining
    after: float
    under_way: dict[str, Deferred[None]] = field(factory=dict)

    @property
    def records(self) -> dict[str, RenewalRecord]:
        """The outcomes by host name."""
        return self.obtain.records


class Renewer(Periodic):
    """
    :param connect: returns what there is for the key of an account.
    :param record_event: writes an event about a subject.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        office: Office,
        vault: Vault,
        connect: Callable[[SigningKey], Contacts],
        cluster: ClusterView,
        chances: Chances,
        record_event: Callable[[str, str], None],
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="certificates could not be renewed")
        self._reactor = reactor
        self._office = office
        self._vault = vault
        self._connect = connect
        self._cluster = cluster
        self._chances = chances
        self._record_event = record_event
        self._desk: Desk | None = None
        self._obstacle = ""
        self._resting = 0.0

    async def poll(self) -> None:
        if self._reactor.seconds() < self._resting:
            return
        try:
            term = await self._office.hold()
            if term is None:
                self._desk = None
            elif self._desk is None or self._desk.term != term:
                self._desk = await self._opened(term)
        except TermEnded:
            self._lose(self._desk)
        except EtcdError:
            pass  # others report that; nothing is begun meanwhile
        except NoSuchKey as error:
            await self._resign(str(error))
        except (BadInput, NotFound) as error:
            self._report_obstacle(str(error))
        else:
            self._begin()

    def stopService(self) -> None:
        super().stopService()
        desk, self._desk = self._desk, None
        for attempt in list(desk.under_way.values()) if desk is not None else ():
            attempt.cancel()

    def _lose(self, desk: Desk | None) -> None:
        """Begin nothing more: others go on with the orders. The end of a term before the present one ends nothing."""
        if desk is self._desk:
            self._office.lose()
            self._desk = None

    async def _resign(self, reason: str) -> None:
        """Leave the work to a node that can do it; if there is none, this one tries again."""
        self._report_obstacle(reason)
        self._desk, self._resting = None, self._reactor.seconds() + REST
        with suppress(EtcdError):  # then it still is the renewer afterwards, and tries this again
            await self._office.resign()

    def _report_obstacle(self, text: str) -> None:
        """Report once why this node cannot do the work of its office."""
        if text != self._obstacle:
            self._record_event("certificates", text)
        self._obstacle = text

    async def _opened(self, term: Term) -> Desk:
        known, key = self._cluster.thumbprint, await self._vault.account(term)
        contacts = self._connect(key)
        texts = Texts(term, self._vault, key.thumbprint, contacts.spread)
        under_way = await self._vault.under_way()
        await texts.begin(under_way)
        records = dict.fromkeys(under_way, RenewalRecord()) | await self._vault.records()
        obtain = Obtaining(term, self._vault, contacts.servers, contacts.reaching, texts, self._chances, records)
        self.log.info("this node gets the certificates of the cluster")
        self._obstacle = ""
        settled = self._reactor.seconds() + (0.0 if known == key.thumbprint else SETTLING)
        return Desk(term, obtain, settled)

    def _begin(self) -> None:
        """Begin the attempts that are due, as many as may be under way."""
        desk, now = self._desk, self._chances.wall()
        if desk is None or self._reactor.seconds() < desk.after:
            return
        wanted = wanted_in_cluster(self._cluster, now)
        lives = lives_in_cluster(self._cluster, wanted)
        due = next_names(wanted, desk.records, lives, now)
        asked = [name for name in names_to_ask(wanted, desk.records, lives, now) if name not in due]
        kept = {*wanted, *self._cluster.certificates}
        gone = [name for name, record in desk.records.items() if name not in kept and record.ask <= now]
        works = (self._obtain, due), (self._ask, asked), (self._forget, gone)
        for name, work in [(name, work) for work, names in works for name in names]:
            if len(desk.under_way) >= MOST_AT_ONCE:
                return
            if name not in desk.under_way:
                desk.under_way[name] = attempt = Deferred.fromCoroutine(work(desk, name))
                attempt.addBoth(self._ended, desk, name)

    def _ended(self, result: object, desk: Desk, name: str) -> None:
        """The end of an attempt makes room for another one; one that failed by a fault of ours is not begun at once."""
        desk.under_way.pop(name, None)
        if isinstance(result, Failure) and result.check(TermEnded):
            self._lose(desk)
        elif isinstance(result, Failure) and not result.check(CancelledError):
            self.log.failure("the attempt for {name} failed unexpectedly", result, name=name)
            record, now = desk.obtain.record(name), self._chances.wall()
            rested = now + pause(record.failures + 1, self._chances.fraction())
            desk.records[name] = evolve(record, failures=record.failures + 1, next_attempt=rested, ask=rested)
        if self.running and desk is self._desk:
            self._reactor.callLater(0, self._begin)

    async def _obtain(self, desk: Desk, name: str) -> None:
        try:
            await desk.obtain(name)
            self._record_event(name, "a new certificate is stored")
        except NoSuchKey as error:
            await self._resign(str(error))
        except EtcdError:
            desk.records[name] = evolve(desk.obtain.record(name), next_attempt=self._chances.wall() + ETCD_REST)
        except (AcmeError, BadInput, NotFound) as error:
            await self._failed(desk, name, error)

    async def _failed(self, desk: Desk, name: str, error: Exception) -> None:
        """Keep why an attempt failed, and when the next one is."""
        record, now = desk.obtain.record(name), self._chances.wall()
        wish = error.retry_after if isinstance(error, AcmeError) else 0.0
        failures = record.failures + 1
        rest = pause(failures, self._chances.fraction(), wish)
        reason = one_line(str(error), LONGEST_REASON)
        record = evolve(record, failures=failures, error=reason, time=now, next_attempt=now + rest)
        desk.records[name] = record
        self._record_event(name, f"no certificate: {reason}; the next attempt is in {rest / 60:.0f} min")
        try:
            await self._vault.keep(desk.term, name, record, drop_order=isinstance(error, OrderLost))
        except EtcdError as lost:
            self.log.info("the outcome for {name} was not stored: {reason}", name=name, reason=lost)

    async def _ask(self, desk: Desk, name: str) -> None:
        """Ask the server of a certificate when it should be renewed (ARI)."""
        record, now, servers = desk.records[name], self._chances.wall(), desk.obtain.servers
        try:
            window = await servers.ask(servers.usual.renewal, record.renewal_id)
        except AcmeError as error:
            desk.records[name] = evolve(record, ask=now + ask_after(error.retry_after))
            return
        renew, wish = 0.0, 0.0
        if window is not None:
            renew, wish = drawn(window.begins, window.ends, record.renew, self._chances.fraction()), window.ask_again
        desk.records[name] = found = evolve(record, renew=renew, ask=now + ask_after(wish))
        try:
            await self._vault.keep(desk.term, name, found)
        except EtcdError:
            return  # it is asked again by the next renewer, at worst

    async def _forget(self, desk: Desk, name: str) -> None:
        """Drop what is kept about a name that nobody wants any more; if it is wanted again, that begins anew."""
        try:
            await desk.obtain.hide(name)
            await self._vault.forget(desk.term, name)
            del desk.records[name]
        except EtcdError:
            desk.records[name] = evolve(desk.records[name], ask=self._chances.wall() + ETCD_REST)
