"""
One watch on one etcd member: it ends with the first thing that goes wrong. Resuming is the follower's task.

Note [The end of a watch]
    gRPC reads our requests in a thread of its own, which would wait for the next one for ever, cancelled or
    not: the requests end with a sentinel, which is put in whenever the watch ends. etcd answers a refused
    watch with ``created`` and ``canceled`` in one message, so ``canceled`` counts, whatever else is said.

Note [One watch for all places]
    Several prefixes share one watch, of all that they have in common; what begins with none of them is dropped here. A
    watch for each would bring less, but etcd orders only what one watch tells: a slow one falls behind the others.

Note [Parts]
    etcd tells up to 1,000 revisions at once when it catches up, which may be more than anybody takes in one message. So
    it is asked for parts of a bounded size. A part may end in the middle of a revision: the changes of the last one
    wait for the next part, so that a revision is told whole, and a watch that breaks resumes before it. Only one single
    change can still be too large; then a list, which names its key, takes the place of the watch.
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
    Implements ``daprdockr.model.seams.Watch``; to be iterated once, by one thread.

    The first batch is empty, and says that the watch is open and in which cluster.
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
            turn, lane = self._session.lane()
            requests = iter(self._requests.get, None)
            self._call = self._session.stream(lane, lambda lane: lane.watch.Watch, requests, self._token)
            if self._closed:
                return
            self._session.turn.when_passed(turn, self._call.cancel)
            for response in self._call:
                self._check(response)
                if response.created:
                    yield Batch(response.header.cluster_id, self._revision - 1, ())
                elif batch := self._batch(response):
                    yield batch
            if not self._closed:
                raise EtcdUnavailable("etcd ended the watch: it is opened again")
        except (grpc.RpcError, ValueError) as error:
            if self._closed:
                return
            if is_too_large(error):
                raise EtcdHistoryLost("a change in etcd is too large for a watch: list again") from error
            if self._session.turn.number != turn:
                raise EtcdUnavailable("a member of etcd did not answer: the watch goes on at the next") from error
            self._session.turn.pass_on(turn)
            raise classed(error, self._session.access) from error
        finally:
            self.close()

    def close(self) -> None:
        """See Note [The end of a watch]."""
        self._closed = True
        if self._call is not None:
            self._session.turn.forget(self._call.cancel)
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
            # etcd would wait in silence until its revision gets there, which is years in a cluster set up anew.
            raise EtcdHistoryLost(
                f"etcd is at revision {response.header.revision}, before {self._revision}: list again"
            )

    def _batch(self, response: Any) -> Batch | None:
        """
        What is told whole with this response; None if that is nothing. It is empty if it is about other keys alone.

        The revision in the header may be ahead: of a long history etcd sends parts, all headed by the present.
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
