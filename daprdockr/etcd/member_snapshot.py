"""
The whole database of one member of etcd, as ``etcdctl snapshot restore`` takes it. Blocking.

Note [Whole, and checked]
    etcd sends the database in pieces of 32 KiB, and behind it the SHA-256 of it, 32 bytes that belong to the file. So
    the last 32 bytes are kept back until the stream has ended, and compared with what came before them. A stream that
    was cut off without an error does not have them.

Note [Nothing that is missing]
    A member that is behind gives an old snapshot, and no warning. A linearizable read of it before makes it catch up
    first, and shows that it has a quorum. If none of the members has one, the first that answers gives what it has: on
    the day when the others are lost for good, that is all there is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from attrs import frozen

from daprdockr.etcd.address import Access
from daprdockr.etcd.channel import EtcdChannel, open_lanes
from daprdockr.etcd.errors import classed
from daprdockr.etcd.etcd_members import Opening
from daprdockr.etcd.session import Session
from daprdockr.etcd.stubs import RangeRequest, SnapshotRequest, grpc
from daprdockr.model.errors import EtcdError, EtcdForbidden, EtcdUnavailable

TIMEOUT = 3.0
"""Seconds for the questions before."""

LONGEST = 900.0
"""Seconds until a snapshot is given up: 2 GiB, etcd's usual quota, at 2.3 MiB/s."""

_CHECKSUM = hashlib.sha256().digest_size
_AGAIN = "nothing was kept, run the same again"


@frozen
class MemberSnapshot:
    """
    :ivar place: the URL of the member.
    :ivar revision: it has at least this one.
    :ivar has_quorum: False: it may lack what the other members have.
    :ivar pieces: its bytes; the last one comes only if all were right. Raises EtcdError.
    """

    place: str
    revision: int
    has_quorum: bool
    pieces: Iterator[bytes]


@contextmanager
def snapshot_of_member(
    access: Access, clock: Callable[[], float] = time.monotonic, opening: Opening = open_lanes
) -> Iterator[MemberSnapshot]:
    """
    Give the snapshot of the first member that answers, and close the connection.

    :raises EtcdForbidden: this user may not have it.
    :raises EtcdError: no member answers.
    """
    failure: EtcdError | None = None
    for has_quorum in (True, False):
        for endpoint in access.endpoints:
            own = access.alone(endpoint)
            with closing(Session(own, TIMEOUT, clock, open_lanes=opening)) as session:
                try:
                    revision = _revision(session, has_quorum)
                    pieces = _checked(_received(session))
                except EtcdUnavailable as error:
                    failure = failure or error
                    continue
                except EtcdForbidden as error:
                    raise EtcdForbidden(_for_root_alone(error)) from error
                yield MemberSnapshot(str(own), revision, has_quorum, pieces)
                return
    assert failure is not None, "an access has an endpoint"
    raise failure


def _for_root_alone(error: EtcdForbidden) -> str:
    return (
        "a snapshot has everything, passwords too, so etcd gives it to users with its role root alone: add -etcd-user"
        f" root and -etcd-password-file ({error})"
    )


def _revision(session: Session, has_quorum: bool) -> int:
    """Return the revision that the member has now. See Note [Nothing that is missing]."""
    asked = RangeRequest(key=b"\0", keys_only=True, serializable=not has_quorum)
    answer = session.call(lambda lane: lane.kv.Range, asked, deadline=session.deadline(), repeatable=True)
    return int(answer.header.revision)


def _received(session: Session) -> Iterator[bytes]:
    """Return the pieces as they come, once the first has come."""
    first, rest = session.call(_begun, SnapshotRequest(), deadline=session.deadline(), repeatable=True)
    return _pieces(first, rest, session.access)


def _begun(lane: EtcdChannel) -> Callable[..., Any]:
    """Begin the stream, and wait for its first piece: a refusal, or a member that is gone, shows there."""

    def send(request: Any, **options: Any) -> Any:
        call = lane.maintenance.Snapshot(request, **{**options, "timeout": LONGEST})
        return next(call, None), call

    return send


def _pieces(first: Any, rest: Iterator[Any], access: Access) -> Iterator[bytes]:
    yield first.blob if first is not None else b""
    try:
        for piece in rest:
            yield piece.blob
    except grpc.RpcError as error:
        raise EtcdUnavailable(f"the snapshot broke off, {_AGAIN} ({classed(error, access)})") from error


def _checked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """:raises EtcdUnavailable: see Note [Whole, and checked]."""
    digest, kept = hashlib.sha256(), b""
    for piece in pieces:
        whole = kept + piece
        ready, kept = whole[:-_CHECKSUM], whole[-_CHECKSUM:]
        digest.update(ready)
        yield ready
    if kept != digest.digest():
        raise EtcdUnavailable(f"the snapshot is not what etcd read, its checksum is wrong: {_AGAIN}")
    yield kept
