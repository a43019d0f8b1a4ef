"""
The maintenance of etcd's members, each asked for itself. Opens channels for each call: it is needed once a minute. So
which member answered last is kept here: a lost one would be asked first each time, and hide that it is lost.

Messages of python3-etcd3 are older than some of etcd's fields; ``stubs`` reads these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from daprdockr.etcd.address import Access, EtcdEndpoint, advertised
from daprdockr.etcd.channel import EtcdChannel, open_lanes
from daprdockr.etcd.errors import code_of
from daprdockr.etcd.etcd_members import Opening
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.member_figures import MemberFigures, member_figures
from daprdockr.etcd.session import Session
from daprdockr.etcd.stubs import (
    AlarmRequest,
    CompactionRequest,
    DefragmentRequest,
    MemberListRequest,
    StatusRequest,
    grpc,
    is_learner,
    used_bytes,
)
from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.etcd_look import EtcdLook, MemberStatus

LONGEST = 120.0
"""Seconds until a compaction or a defragmentation is not waited for any more; etcd goes on with it."""

DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED

GET, DISARM = 0, 2
"""Actions of etcd's call for alarms."""

NOSPACE, CORRUPT = 1, 2
"""Kinds of alarms."""


class EtcdMaintenance:
    """
    etcd's upkeep: a ``daprdockr.model.seams.EtcdUpkeep``. One call at a time.

    :param timeout: of each short call, in seconds.
    :param figures: returns the figures in a member's metrics, within so many seconds.
    """

    def __init__(
        self,
        access: Access,
        timeout: float = 3.0,
        opening: Opening = open_lanes,
        figures: Callable[[Access, float], MemberFigures] = member_figures,
    ) -> None:
        self._access = access
        self._timeout = timeout
        self._opening = opening
        self._figures = figures
        self._places: dict[int, EtcdEndpoint] = {}
        self._failover = Failover()

    def look(self) -> EtcdLook:
        """Ask all members that vote, at the endpoints that are known and at those that etcd names."""
        with self._session(self._access) as session:
            members = self._read(session, lambda lane: lane.cluster.MemberList, MemberListRequest()).members
            alarms = self._read(session, lambda lane: lane.maintenance.Alarm, AlarmRequest(action=GET)).alarms
        voters = {one.ID: one for one in members if not is_learner(one)}
        named = [endpoint for one in voters.values() for endpoint in advertised(one.clientURLs)]
        found: dict[int, MemberStatus] = {}
        for endpoint in dict.fromkeys((*self._access.endpoints, *named)):
            if found.keys() < voters.keys() and (status := self._status(endpoint)) and status.member in voters:
                found[status.member] = status
                self._places[status.member] = endpoint
        first = [self._access.alone(self._places[member]) for member in sorted(found)[:1]]
        told = self._figures(first[0], self._timeout) if first else MemberFigures()
        return EtcdLook(
            voters=frozenset(voters),
            statuses=tuple(found[member] for member in sorted(found)),
            full=frozenset(one.memberID for one in alarms if one.alarm == NOSPACE),
            corrupt=any(one.alarm == CORRUPT for one in alarms),
            quota=told.quota,
            compacted=told.compacted,
        )

    def compact(self, revision: int) -> None:
        request = CompactionRequest(revision=revision, physical=True)
        try:
            with self._session(self._access, LONGEST) as session:
                self._ask(session, lambda lane: lane.kv.Compact, request)
        except EtcdHistoryLost:
            return  # it has been, by etcd itself or by somebody else

    def defragment(self, member: int) -> None:
        """
        Have a member write its database anew, and wait for that, at most ``LONGEST`` seconds.

        :raises EtcdUnavailable: another one answers in its place, as behind an address that several share.
        """
        place = self._places[member]
        with self._session(self._access.alone(place), LONGEST) as session:
            soon = session.deadline(self._timeout / LONGEST)
            told = session.call(lambda lane: lane.maintenance.Status, StatusRequest(), deadline=soon)
            if told.header.member_id != member:
                raise EtcdUnavailable(f"member {member:x} of etcd was not defragmented: another one answers at {place}")
            try:
                self._ask(session, lambda lane: lane.maintenance.Defragment, DefragmentRequest())
            except EtcdUnavailable as error:
                if not isinstance(error.__cause__, grpc.RpcError) or code_of(error.__cause__) != DEADLINE_EXCEEDED:
                    raise
                # It goes on with it. A failure would have it do all again, and never come to the next member.

    def disarm(self, members: Collection[int]) -> None:
        with self._session(self._access) as session:
            for member in members:
                request = AlarmRequest(action=DISARM, memberID=member, alarm=NOSPACE)
                self._ask(session, lambda lane: lane.maintenance.Alarm, request)

    def move(self, endpoints: tuple[EtcdEndpoint, ...]) -> None:
        """Use these endpoints from now on."""
        self._access = evolve(self._access, endpoints=endpoints)

    def use_password(self, password: str) -> None:
        """Sign in with this password from now on."""
        self._access = evolve(self._access, password=password)

    def _status(self, endpoint: EtcdEndpoint) -> MemberStatus | None:
        """Return the status of the member there; None: nobody answers."""
        try:
            with self._session(self._access.alone(endpoint)) as session:
                told = self._ask(session, lambda lane: lane.maintenance.Status, StatusRequest())
        except EtcdUnavailable:
            return None
        used = used_bytes(told) or told.dbSize
        return MemberStatus(told.header.member_id, told.leader, told.header.revision, told.dbSize, used)

    @contextmanager
    def _session(self, access: Access, timeout: float = 0.0) -> Iterator[Session]:
        session = Session(
            access, timeout or self._timeout, time.monotonic, open_lanes=self._opening, failover=self._failover
        )
        try:
            yield session
        finally:
            session.close()

    def _read(self, session: Session, method: Callable[[EtcdChannel], Any], request: Any) -> Any:
        """Ask one member after the other until one answers."""
        return session.call(method, request, deadline=session.deadline(), repeatable=True)

    def _ask(self, session: Session, method: Callable[[EtcdChannel], Any], request: Any) -> Any:
        return session.call(method, request, deadline=session.deadline())
