# -*- test-case-name: tests.unit.cli.commands.test_logs -*-
"""
The logs of a service's instances, each read in a thread from the node that runs it.

Note [Instances that come and go]
    A command line that follows a service follows its claims in etcd too: each node that claims an instance is asked for
    that instance's log, and sends what its containers say until the instance is another node's. A node that is lost is
    said once, in one line, and asked again as long as the claim names it; it then sends what came since the last line
    that was read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from attrs import evolve, frozen

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.merging import LogLine, LogSource, Merging
from daprdockr.cli.request import Request
from daprdockr.cli.stored import readable
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdError, EtcdHistoryLost, EtcdUnavailable, NotFound
from daprdockr.model.frames import FrameKind
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.session import LogsAsked
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.sessions.client import PeerSession, Sessions

AGAIN = 2.0
"""Seconds until a node that was lost is asked again, or a watch that broke is opened anew."""

LogPlace = tuple[str, InstanceName]
"""A node, and an instance that it claims."""


@frozen
class ClaimedPlaces:
    """The nodes that claim the instances of a service, by etcd."""

    request: Request
    store: Store

    @property
    def _service(self) -> ServiceName:
        service = self.request.service
        assert service is not None
        return service

    @property
    def _prefixes(self) -> tuple[str, ...]:
        return self.request.keys.claims(self._service), self.request.keys.service(self._service)

    def read(self) -> Cluster:
        cluster = Cluster(self.request.keys)
        cluster.replace(self.store.list(self._prefixes))
        return cluster

    def places(self, cluster: Cluster) -> set[LogPlace]:
        """Return where the instances that were asked for are."""
        found = {
            (claim.record.node, InstanceName(self._service, number))
            for number, claim in cluster.claims(self._service).items()
        }
        return {place for place in found if self.request.number in (0, place[1].number)}

    def check(self, cluster: Cluster) -> None:
        """
        :raises NotFound: there is no such service, or no such instance of it.
        :raises BadInput: it is a job.
        """
        service, number = self._service, self.request.number
        if not cluster.claims(service) and service not in cluster.services and not cluster.is_held(service):
            raise NoSuchService(service)
        if service in cluster.services and not self.places(cluster):
            refuse_job(cluster.services[service].definition)
        if not self.places(cluster) and not self.request.follow:
            name = f"{number}.{service}" if number else str(service)
            raise NotFound(f"{name} is on no node: daprdockrcmd why {name}")

    def follow(self, cluster: Cluster, changed: Callable[[Cluster], None], complain: Callable[[str], object]) -> None:
        """Call ``changed`` with each new state; runs until the process ends, or until etcd refuses, and says so."""
        try:
            self._follow(cluster, changed)
        except EtcdError as error:
            complain(f"{error}; instances that come from now on are not followed")

    def _follow(self, cluster: Cluster, changed: Callable[[Cluster], None]) -> None:
        """:raises EtcdRefused: asking again cannot succeed."""
        pause = threading.Event()
        while True:
            try:
                for batch in self.store.watch(self._prefixes, cluster.revision + 1):
                    cluster.apply(batch)
                    changed(cluster)
            except (EtcdUnavailable, EtcdHistoryLost):
                pass
            pause.wait(AGAIN)
            try:
                cluster = self.read()
            except (EtcdUnavailable, EtcdHistoryLost):
                continue
            changed(cluster)


def place_of(request: Request, store: Store, instance: InstanceName) -> str:
    """
    Return the node that has an instance.

    :raises NotFound: none has, or there is no such service.
    :raises BadInput: it is a job.
    """
    entry = store.get(request.keys.claim(instance))
    if entry is None:
        stored = store.get(request.keys.service(instance.service))
        if stored is None:
            raise NoSuchService(instance.service)
        if definition := readable(stored, instance.service):
            refuse_job(definition)
        raise NotFound(f"{instance} is on no node: daprdockrcmd why {instance}")
    return ClaimRecord.decode(entry.value).node


def refuse_job(definition: Definition) -> None:
    """:raises BadInput: it is a job, which has no instances."""
    if definition.schedule is not None:
        raise BadInput(f"{definition.name} is a job: daprdockrcmd job logs {definition.name} RUN")


class LogStreams:
    """
    :param complain: takes one line about a stream that ended before its time.
    """

    def __init__(
        self,
        sessions: Sessions,
        asked: Callable[[InstanceName], LogsAsked],
        merging: Merging,
        complain: Callable[[str], None],
    ) -> None:
        self._sessions = sessions
        self._asked = asked
        self._merging = merging
        self._complain = complain
        self._wanted: set[LogPlace] = set()
        self._read: set[LogPlace] = set()
        self._lock = threading.Lock()
        self.failures = 0

    def want(self, places: set[LogPlace]) -> None:
        """Read the logs of these places, each in a thread of its own; those that are read already go on."""
        with self._lock:
            self._wanted = places
            new = places - self._read
            self._read |= new
        for place in sorted(new):
            source = self._merging.add(str(place[1]))
            threading.Thread(target=self._follow, args=(place, source), daemon=True).start()

    def _follow(self, place: LogPlace, source: LogSource) -> None:
        asked, pause = self._asked(place[1]), threading.Event()
        reading = Reading(self._merging, source, self._complain)
        try:
            while not reading.is_over:
                if self._attempt(place, asked, reading) or not asked.follow:
                    return
                pause.wait(AGAIN)
                if place not in self._wanted:
                    return
                asked = evolve(asked, tail=None, since=reading.since) if reading.last else asked
        finally:
            with self._lock:
                self._read.discard(place)
            self._merging.end(source)

    def _attempt(self, place: LogPlace, asked: LogsAsked, reading: Reading) -> bool:
        """Return whether the log ended by itself."""
        try:
            session = self._sessions.open(place[0], asked)
            try:
                reading.read(session)
            finally:
                session.close()
        except DaprdockrError as error:
            if place in self._wanted and str(error) != reading.said:
                reading.said = str(error)
                self.failures += 1
                self._complain(f"{place[1]}: {error}{'; it is asked again' if asked.follow else ''}")
            return False
        return True


class Reading:
    """The log of one place, as far as it was read."""

    def __init__(self, merging: Merging, source: LogSource, complain: Callable[[str], None]) -> None:
        self._merging = merging
        self._source = source
        self._complain = complain
        self._rest = {FrameKind.OUTPUT: b"", FrameKind.ERRORS: b""}
        self.last = ""
        self.said = ""
        self.is_over = False

    @property
    def since(self) -> float:
        """The time of the last line, in seconds since the epoch, or a little earlier."""
        from datetime import datetime

        return datetime.fromisoformat(self.last).timestamp() - 0.001

    def read(self, session: PeerSession) -> None:
        """
        Read until the log ends.

        :raises SessionFailed: it ended before its time.
        """
        self._merging.opened(self._source)
        before = self.last
        for kind, content in session.frames():
            if kind is FrameKind.STATUS:
                return
            if kind is FrameKind.NOTE:
                self._complain(f"{self._source.name}: {content.decode('utf-8', 'replace')}")
            elif kind in self._rest:
                self._take(kind, content, before)

    def _take(self, kind: FrameKind, content: bytes, before: str) -> None:
        *whole, self._rest[kind] = (self._rest[kind] + content).split(b"\n")
        lines = []
        for one in whole:
            time, _, text = one.partition(b" ")
            stamp = time.decode("ascii", "replace")
            if stamp > before:
                is_error = kind is FrameKind.ERRORS
                lines.append(LogLine(stamp, self._source.name, text.decode("utf-8", "surrogateescape"), is_error))
                self.last = max(self.last, stamp)
        if lines:
            self._merging.put(self._source, lines)
