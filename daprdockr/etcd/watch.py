"""
One watch on one etcd member: it ends with the first failure. Resuming is the follower's task.

Note [The end of a watch]
    gRPC reads our requests in a thread of its own, which would wait forever for the next one, cancelled or not: the
    requests end with a sentinel, which is sent whenever the watch ends. etcd answers a refused watch with ``created``
    and ``canceled`` in one message, so ``canceled`` counts, whatever else the message says.

Note [One watch for all places]
    Several prefixes share one watch, of the longest prefix they have in common; keys that begin with none of them are
    dropped here. Separate watches would receive less, but etcd orders only the changes of one watch: a slow one falls
    behind the others.

Note [Parts]
    When it catches up, etcd sends up to 1,000 revisions at once, which may exceed the largest message of a client. So
    we request parts of a bounded size. A part may end in the middle of a revision: the changes of the last revision
    wait for the next part, so that a revision is reported whole, and a watch that breaks resumes before it. Only a
    single change can still be too large; then a list, which names its key, replaces the watch.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from daprdockr.etcd.conversions import prefix_range, shared_prefix, to_change
from daprdockr.etcd.errors import classed, is_too_large
from daprdockr.etcd.refusals import refusal
from daprdockr.etcd.session import Session
from daprdockr.etcd.stubs import WatchCreateRequest, WatchRequest, grpc, in_parts, is_part
from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.names import one_line
from daprdockr.model.stored.entries import Batch, Change, Prefixes


class EtcdWatch:
    """
    Implements ``daprdockr.model.seams.Watch``; one thread iterates over it, once.

    The first batch is empty, and says that the watch is open and in which cluster. It ends without an error when it is
    closed, or its connection is because another one replaced it: then a list has to follow.
    """

    def __init__(self, session: Session, prefixes: Prefixes, revision: int) -> None:
        start, end = prefix_range(shared_prefix(prefixes))
        create = WatchCreateRequest(key=start, range_end=end, start_revision=revision)
        self._session = session
        self._prefixes = prefixes
        self._revision = revision
        self._begun: tuple[Change, ...] = ()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._requests.put(WatchRequest(create_request=in_parts(create)))
        self._token = session.token(session.deadline())
        self._call: Any = None
        self._closed = False

    def __iter__(self) -> Iterator[Batch]:
        """:raises EtcdUnavailable, EtcdRefused, EtcdHistoryLost: when it breaks."""
        try:
            replaced = self._session.replaced
            choice, lane = self._session.lane()
            requests = iter(self._requests.get, None)
            self._call = self._session.stream(lane, lambda lane: lane.watch.Watch, requests, self._token)
            if self._closed:
                return
            self._session.failover.when_moved(choice, self._call.cancel)
            for response in self._call:
                self._check(response)
                if response.created:
                    yield Batch(response.header.cluster_id, self._revision - 1, ())
                elif batch := self._batch(response):
                    yield batch
            if not self._closed:
                raise EtcdUnavailable("etcd ended the watch: it is opened again")
        except (grpc.RpcError, ValueError) as error:
            if self._closed or self._session.replaced != replaced:
                return
            if is_too_large(error):
                raise EtcdHistoryLost("a change in etcd is too large for a watch: list again") from error
            if self._session.failover.number != choice:
                raise EtcdUnavailable("a member of etcd did not answer: the watch goes on at the next") from error
            self._session.failover.move_on(choice)
            raise classed(error, self._session.access) from error
        finally:
            self.close()

    def close(self) -> None:
        """See Note [The end of a watch]."""
        self._closed = True
        if self._call is not None:
            self._session.failover.forget(self._call.cancel)
            self._call.cancel()
        self._requests.put(None)

    def _check(self, response: Any) -> None:
        if response.compact_revision:
            raise EtcdHistoryLost(
                f"etcd compacted revision {self._revision} away (oldest is {response.compact_revision}): list again"
            )
        if response.canceled:
            # A dead token and a missing permission look alike here: the next watch tries a fresh token.
            self._session.forget(self._token)
            reason = one_line(response.cancel_reason) or "no reason given"
            raise refusal(reason.removeprefix("etcdserver: "), self._session.access)
        if response.created and response.header.revision + 1 < self._revision:
            # etcd would wait silently until its revision gets there, which takes years in a cluster set up anew.
            raise EtcdHistoryLost(
                f"etcd is at revision {response.header.revision}, before {self._revision}: list again"
            )

    def _batch(self, response: Any) -> Batch | None:
        """
        Return the changes that are complete with this response; None if there are none. The batch is empty if all of
        them concern other keys.

        The revision in the header may be ahead: etcd sends a long history in parts, all headed by the present revision.
        """
        changes = (*self._begun, *map(to_change, response.events))
        self._begun = ()
        if changes and is_part(response):
            last = changes[-1].mod_revision
            self._begun = tuple(change for change in changes if change.mod_revision == last)
            changes = changes[: -len(self._begun)]
        if not changes:
            return None
        ours = tuple(change for change in changes if change.key.startswith(self._prefixes))
        return Batch(response.header.cluster_id, changes[-1].mod_revision, ours)
