"""Tests for daprdockr.etcd.watch: what it makes of responses, which come from a member in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.session import RETIREMENT, Session
from daprdockr.etcd.stubs import ResponseHeader, WatchResponse, is_part, kv
from daprdockr.etcd.watch import EtcdWatch
from daprdockr.model.errors import EtcdHistoryLost
from daprdockr.model.stored.entries import Batch
from tests.fakes.failed_call import Code, FailedCall

CANCELLED = FailedCall(Code.CANCELLED, "Locally cancelled by application!")
CLOSED = FailedCall(Code.UNKNOWN, "Stream removed (Channel closed!)")
TOO_LARGE = FailedCall(Code.RESOURCE_EXHAUSTED, "CLIENT: Received message larger than max (16777300 vs. 16777216)")


class Responses:
    """The answer to a call: responses in a row, then a failure."""

    def __init__(self, responses: list[Any], failure: Exception) -> None:
        self._responses, self._failure = iter(responses), failure

    def __iter__(self) -> Responses:
        return self

    def __next__(self) -> Any:
        found = next(self._responses, None)
        if found is None:
            raise self._failure
        return found

    def cancel(self) -> None:
        self._failure = CANCELLED


@frozen
class MemoryLane:
    """A lane to a member whose watch brings ``responses``, then a failure."""

    responses: list[Any]
    failure: Exception = TOO_LARGE

    @property
    def watch(self) -> MemoryLane:
        return self

    @property
    def kv(self) -> MemoryLane:
        return self

    @property
    def channel(self) -> MemoryLane:
        return self

    def Watch(self, requests: Any, metadata: Any) -> Responses:  # noqa: N802 - etcd's name
        return Responses(self.responses, self.failure)

    def Range(self, request: Any, **options: Any) -> None:  # noqa: N802 - etcd's name
        """Answer a call."""

    def close(self) -> None:
        """Be closed, as a channel is."""


def response(*events: tuple[str, int], part: bool = False, created: bool = False) -> Any:
    """Of changed keys, each with its revision; ``part``: more of the same follows."""
    made = WatchResponse(
        header=ResponseHeader(cluster_id=3, revision=99),
        created=created,
        events=[kv.Event(kv=kv.KeyValue(key=key.encode(), mod_revision=revision)) for key, revision in events],
    )
    return WatchResponse.FromString(made.SerializeToString() + (b"\x38\x01" if part else b""))


class WatchTests(SynchronousTestCase):
    """``EtcdWatch``."""

    def setUp(self) -> None:
        self.failover = Failover()

    def batches(self, *responses: Any, prefixes: Any = "/p/") -> list[tuple[int, list[str]]]:
        """The reports of a watch from revision 5 until it ends: the revision of each batch, and its keys."""
        told: list[Batch] = []
        self.failure = self.assertRaises(
            EtcdHistoryLost, self.take, told.append, prefixes, [response(created=True), *responses]
        )
        self.assertEqual({batch.cluster_id for batch in told}, {3})
        return [(batch.revision, [change.key for change in batch.changes]) for batch in told]

    def take(self, tell: Callable[[Batch], None], prefixes: Any, responses: list[Any]) -> None:
        lane: Any = MemoryLane(responses)
        session = Session(Access.parse("http://a:1"), 3.0, Clock().seconds, lambda access: (lane,), self.failover)
        for batch in EtcdWatch(session, prefixes, 5):
            tell(batch)

    def test_parts(self) -> None:
        """Parts are reported as they come, but a revision that continues in the next part is reported with that one."""
        parts = [
            response(("/p/a", 5), ("/p/b", 6), part=True),
            response(("/p/c", 6), part=True),
            response(("/p/d", 6), ("/p/e", 7), part=True),
            response(("/p/f", 8)),
            response(("/p/g", 9)),
        ]
        self.assertEqual([is_part(part) for part in parts], [True, True, True, False, False])
        told = [(4, []), (5, ["/p/a"]), (6, ["/p/b", "/p/c", "/p/d"]), (8, ["/p/e", "/p/f"]), (9, ["/p/g"])]
        self.assertEqual(self.batches(*parts), told)

    def test_unfinished(self) -> None:
        """A watch that breaks between two parts of a revision has not reported it."""
        self.assertEqual(self.batches(response(("/p/a", 5), ("/p/b", 6), part=True)), [(4, []), (5, ["/p/a"])])

    def test_other_keys(self) -> None:
        """Other keys are not reported, only that their revision has passed."""
        told = self.batches(
            response(("/p/b/1", 5)), response(("/p/a/1", 6), ("/p/b/2", 7)), prefixes=("/p/a/", "/p/c/")
        )
        self.assertEqual(told, [(4, []), (5, []), (7, ["/p/a/1"])])

    def test_replaced(self) -> None:
        """A watch whose connection another one replaced ends without an error, and blames no member."""
        clock = Clock()
        lanes: Any = [MemoryLane([response(created=True)], CLOSED), MemoryLane([])]
        session = Session(Access.parse("http://a:1"), 3.0, clock.seconds, lambda access: (lanes.pop(0),), self.failover)
        watch = iter(EtcdWatch(session, "/p/", 5))
        self.assertEqual(next(watch).revision, 4)
        session.reopen()
        clock.advance(RETIREMENT)
        session.call(lambda lane: lane.kv.Range, None, deadline=session.deadline())
        self.assertEqual(list(watch), [])
        self.assertEqual(self.failover.number, 0)

    def test_too_large(self) -> None:
        """A message that is too large ends the watch in favour of a list, and blames no member."""
        self.batches()
        self.assertIn("too large", str(self.failure))
        self.assertEqual(self.failover.number, 0)
