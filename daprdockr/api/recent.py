"""
The latest events and changes of definitions, as etcd has them: read when somebody wants to see them, and not more often
than every ``REST`` seconds, however many want to. The outcomes of renewals of certificates are read with them now and
then.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import EtcdError
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.renewal import RenewalRecord, read_renewals
from daprdockr.picture.events import read_events
from daprdockr.picture.timeline import Happening, stored, timeline
from daprdockr.runtime.pool import Run

REST = 2.0
"""Seconds for which a reading counts."""

REST_OF_RENEWALS = 30.0
"""Seconds for which a reading of the renewals counts: there is one for each host name."""

PATIENCE = 1.0
"""Seconds that a page waits for it."""

MOST = 60
"""Happenings that are kept."""

MOST_SERVICES = 20
"""Services whose histories are read: those of which the definition was stored last."""


class Recent:
    """
    :param reactor: its clock, and a timer for those who wait.
    :param run: runs a call to ``store`` in a thread.
    """

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, run: Run, store: Store, cluster: ClusterView) -> None:
        self._reactor = reactor
        self._run = run
        self._store = store
        self._cluster = cluster
        self._next = 0.0
        self._reading: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []
        self._later: list[Deferred[None]] = []
        """Those who wait for the reading after the one that is under way."""
        self._lacks = False
        """Whether the reading that is under way lacks a history that was asked for since it began."""
        self._histories: dict[ServiceName, tuple[int, Revisions]] = {}
        self._latest: list[ServiceName] = []
        self._others = 0
        self._asked: dict[ServiceName, None] = {}
        self._renewals_due = 0.0
        self.renewals: dict[str, RenewalRecord] = {}
        self.events: list[Event] = []
        self.happened: tuple[Happening, ...] = ()
        self.ever_read = False
        self.unread = "etcd was not asked yet"

    def refresh(self) -> Deferred[None]:
        """
        Read again what is older than ``REST``. The result comes after ``PATIENCE`` seconds at the latest, and is never
        a failure: what was read last stays, and ``unread`` says why.
        """
        if self._reading is None and self._reactor.seconds() < self._next:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        (self._later if self._lacks else self._waiting).append(waiting)
        if self._reading is None:
            self._begin()
        return waiting.addTimeout(PATIENCE, self._reactor).addErrback(self._late)

    def ask_for(self, service: ServiceName) -> None:
        """Have the history of a service read too, at the next ``refresh``."""
        self._asked.pop(service, None)
        self._asked[service] = None
        if len(self._asked) > MOST_SERVICES:
            del self._asked[next(iter(self._asked))]
        if service not in self._histories:
            self._next, self._lacks = 0.0, self._reading is not None

    def history(self, service: ServiceName) -> Revisions:
        """Return the history of a service that was asked for, as it was read last."""
        return self._histories.get(service, (0, Revisions(service)))[1]

    def listed(self, since: float) -> list[Event]:
        """Return the events, and the changes of definitions that are not older than a time, oldest first."""
        changes = (event for history in map(self.history, self._latest) for _, event in stored(history))
        return sorted([*self.events, *(event for event in changes if event.time >= since)])

    def left_out(self, since: float) -> int:
        """
        Return how many services ``listed`` has no changes of though there may be some: unless the last one of those
        that it has, which are the ones stored last, was stored before that time.
        """
        times = [event.time for name in self._latest[-1:] for _, event in stored(self.history(name))]
        return 0 if times and max(times) < since else self._others

    def about(self, service: ServiceName) -> tuple[Happening, ...]:
        """Return what happened to a service that was asked for, and to its instances."""
        name = str(service)
        events = (event for event in self.events if event.subject == name or event.subject.endswith(f".{name}"))
        return timeline(events, [self.history(service)], MOST)

    def _begin(self) -> None:
        self._lacks = False
        self._reading = Deferred.fromCoroutine(self._read())
        self._reading.addErrback(self._failed).addBoth(self._done)

    def _done(self, _: object) -> None:
        self._reading, self._next = None, self._reactor.seconds() + REST
        waiting, self._waiting, self._later = self._waiting, self._later, []
        if self._lacks:
            self._begin()
        for one in waiting:
            if not one.called:
                one.callback(None)

    def _late(self, failure: Failure) -> None:
        failure.trap(TimeoutError)
        self.unread = "it is not of now: etcd does not answer in time"

    def _failed(self, failure: Failure) -> None:
        self.log.failure("the timeline was not read", failure)
        self.unread = "it is not of now: the agent's log says why"

    async def _read(self) -> None:
        services = self._cluster.services
        latest = sorted(services.items(), key=lambda item: -item[1].revision)[:MOST_SERVICES]
        wanted = {name: service.revision for name, service in latest}
        wanted |= {name: services[name].revision for name in self._asked if name in services}
        changed = [name for name, revision in wanted.items() if self._histories.get(name, (0,))[0] != revision]
        keys, are_due = self._cluster.keys, self._reactor.seconds() >= self._renewals_due
        places = (keys.events, *map(keys.history, changed), *([keys.renewals] if are_due else []))
        try:
            found = await self._run(self._store.list, places)
        except EtcdError as error:
            self.unread = f"it is not of now: {error}"
            return
        entries = found.entries
        known = {name: self._histories[name] for name in wanted if name not in changed}
        read = {name: (wanted[name], Revisions.read(keys, name, entries)) for name in changed}
        self._histories = known | read
        self._latest, self._others = [name for name, _ in latest], len(services) - len(latest)
        if are_due:
            self._renewals_due = self._reactor.seconds() + REST_OF_RENEWALS
            self.renewals = read_renewals(entries, keys.renewals)
        self._take(entries)

    def _take(self, entries: Iterable[Entry]) -> None:
        place = self._cluster.keys.events
        self.events = read_events(entry for entry in entries if entry.key.startswith(place))
        self.happened = timeline(self.events, map(self.history, self._latest), MOST)
        self.ever_read, self.unread = True, ""
