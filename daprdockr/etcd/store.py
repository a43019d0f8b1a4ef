# -*- test-case-name: tests.functional.test_etcd_store -*-
"""
etcd as a ``daprdockr.model.seams.Store``: blocking, safe to share by threads, every call with a timeout.

A write is sent at most once unless it certainly never left this host; see Note [A write may have happened] in
``daprdockr.etcd.errors``. Opens nothing before its first call, so it may be made before the agent forks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.channel import MAX_MESSAGE, EtcdChannel, open_lanes
from daprdockr.etcd.conversions import to_compares, to_entry, to_key, to_request
from daprdockr.etcd.credentials import CertificateFiles
from daprdockr.etcd.errors import code_of
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.pages import Lister, Pace
from daprdockr.etcd.session import HAS_LEADER, Metadata, Session
from daprdockr.etcd.stubs import (
    LeaseGrantRequest,
    LeaseKeepAliveRequest,
    LeaseRevokeRequest,
    PutRequest,
    RangeRequest,
    TxnRequest,
    grpc,
)
from daprdockr.etcd.watch import EtcdWatch
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable
from daprdockr.model.stored.entries import Commit, Condition, Entry, Lease, Listing, Operation, Prefixes


class EtcdStore:
    """
    One etcd cluster.

    :param timeout: the timeout of each call in seconds; of each page, for a list.
    :param clock: a monotonic clock, in seconds.
    :param failover: which endpoint to use; the stores of one process share it.
    :param largest: the largest answer in bytes. A value that does not fit in one is omitted from lists.
    :ivar refusals: how many writes etcd has refused; two at the same moment may count as one.
    """

    def __init__(
        self,
        access: Access,
        timeout: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
        failover: Failover | None = None,
        largest: int = MAX_MESSAGE,
    ) -> None:
        opened = partial(open_lanes, largest=largest, files=CertificateFiles())
        self._session = Session(access, timeout, clock, open_lanes=opened, failover=failover or Failover())
        self._lister = Lister(self._read, clock, Pace(slow=timeout / 4))
        self.refusals = 0

    def get(self, key: str) -> Entry | None:
        answer = self._read(RangeRequest(key=to_key(key)))
        return to_entry(answer.kvs[0]) if answer.kvs else None

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        """See Note [Pages] in ``daprdockr.etcd.pages``."""
        return self._lister.all_of(prefixes, revision)

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        request = PutRequest(key=to_key(key), value=value, lease=lease)
        answer = self._write(lambda lane: lane.kv.Put, request)
        return int(answer.header.revision)

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        request = TxnRequest(
            compare=[compare for condition in conditions for compare in to_compares(condition)],
            success=[to_request(operation) for operation in operations],
        )
        answer = self._write(lambda lane: lane.kv.Txn, request)
        return Commit(succeeded=answer.succeeded, revision=answer.header.revision)

    def grant(self, ttl: int) -> Lease:
        answer = self._write(lambda lane: lane.lease.LeaseGrant, LeaseGrantRequest(TTL=ttl))
        return Lease(id=answer.ID, ttl=answer.TTL)

    def keep_alive(self, lease: int) -> int:
        answer = self._session.call(
            _renewal,
            LeaseKeepAliveRequest(ID=lease),
            deadline=self._session.deadline(),
            repeatable=True,
        )
        return max(0, int(answer.TTL))

    def revoke(self, lease: int) -> None:
        """End the lease and delete its keys; a no-op when it is gone."""
        try:
            self._write(lambda lane: lane.lease.LeaseRevoke, LeaseRevokeRequest(ID=lease))
        except EtcdRefused as error:
            if code_of(error.__cause__) != grpc.StatusCode.NOT_FOUND:
                raise

    def watch(self, prefixes: Prefixes, revision: int) -> EtcdWatch:
        return EtcdWatch(self._session, prefixes, revision)

    def reopen(self) -> None:
        """
        Use the present contents of the files of ``access`` and the present addresses of its hosts; calls in progress go
        on.
        """
        self._session.reopen()

    def move(self, endpoints: tuple[EtcdEndpoint, ...]) -> None:
        """Use these endpoints from now on: the members of etcd are others."""
        self._session.move(endpoints)

    def use_password(self, password: str) -> None:
        """Sign in with this password from now on, whenever etcd asks for that."""
        self._session.use_password(password)

    def close(self) -> None:
        self._session.close()

    def _read(self, request: Any, stretch: float = 1.0) -> Any:
        deadline = self._session.deadline(stretch)
        return self._session.call(lambda lane: lane.kv.Range, request, deadline=deadline, repeatable=True)

    def _write(self, method: Callable[[EtcdChannel], Any], request: Any) -> Any:
        try:
            return self._session.call(method, request, deadline=self._session.deadline())
        except EtcdRefused:
            self.refusals += 1
            raise


def _renewal(lane: EtcdChannel) -> Callable[..., Any]:
    """Renew once, at a member that has a leader."""

    def send(request: Any, metadata: Metadata, **options: Any) -> Any:
        answer = lane.renew(request, metadata=(*metadata, HAS_LEADER), **options)
        if answer is None:
            raise EtcdUnavailable("etcd ended the renewal of a lease without an answer: try again")
        return answer

    return send
