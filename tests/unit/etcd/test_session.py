"""Tests for daprdockr.etcd.session, with members in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.session import RETIREMENT, STRIKES, Session
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable
from tests.fakes.failed_call import Code, FailedCall

UNCONNECTED = FailedCall(Code.UNAVAILABLE, "failed to connect to all addresses; last error: connection refused")
BROKEN = FailedCall(Code.UNAVAILABLE, "Socket closed")
LATE = FailedCall(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
NO_TOKEN = FailedCall(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")


@define
class Call:
    """The parameters with which one try was sent."""

    lane: str
    timeout: float
    metadata: Any
    wait_for_ready: bool


@define
class MemoryLane:
    """One channel: answers as the test planned, or at once with its name; counts tokens, and keeps passwords."""

    name: str
    cluster: MemoryCluster
    closed: bool = False

    @property
    def channel(self) -> MemoryLane:
        return self

    @property
    def auth(self) -> MemoryLane:
        return self

    def close(self) -> None:
        self.closed = True

    def Authenticate(self, request: Any, **options: Any) -> MemoryLane:  # noqa: N802 - etcd's name
        self.cluster.tokens += 1
        self.cluster.passwords.append(request.password)
        return self

    @property
    def token(self) -> str:
        return f"token-{self.cluster.tokens}"

    def answer(self, request: Any, **options: Any) -> str:
        self.cluster.calls.append(Call(self.name, **options))
        outcome = self.cluster.outcomes.pop(0) if self.cluster.outcomes else None
        if outcome is LATE:
            self.cluster.clock.advance(options["timeout"])
        if outcome is not None:
            raise outcome
        return self.name


@define
class MemoryCluster:
    """Lanes as ``open_lanes`` gives them, one for each of ``names``."""

    names: tuple[str, ...] = ("a",)
    outcomes: list[Exception | None] = field(factory=list)
    calls: list[Call] = field(factory=list)
    opened: list[MemoryLane] = field(factory=list)
    tokens: int = 0
    passwords: list[str] = field(factory=list)
    clock: Clock = field(factory=Clock)

    def open(self, access: Access) -> Any:
        lanes = tuple(MemoryLane(name, self) for name in self.names)
        self.opened += lanes
        return lanes


def answer(lane: Any) -> Callable[..., Any]:
    """The remote procedure that all calls are to."""
    return lane.answer  # type: ignore[no-any-return]  # a MemoryLane, which Session takes for an EtcdChannel


class SessionCase(SynchronousTestCase):
    """A session of three seconds with a cluster in memory."""

    access = Access.parse("http://a:1")

    def session(self, cluster: MemoryCluster) -> Session:
        return Session(self.access, 3.0, cluster.clock.seconds, cluster.open)

    def call(self, session: Session, repeatable: bool = False) -> Any:
        return session.call(answer, None, deadline=session.deadline(), repeatable=repeatable)


class SessionTests(SessionCase):
    """``Session`` without a user."""

    def test_opens_late(self) -> None:
        """Nothing is opened before the first call, and one channel serves all."""
        cluster = MemoryCluster()
        session = self.session(cluster)
        self.assertEqual(cluster.opened, [])
        self.call(session)
        self.call(session)
        self.assertEqual(len(cluster.opened), 1)

    def test_reopened_during_a_look_up(self) -> None:
        """
        To have the channels opened anew, or closed, waits for no look-up of names; what it found before does not count.
        """
        cluster = MemoryCluster()
        session = Session(self.access, 3.0, cluster.clock.seconds, lambda access: looked_up(access))
        meanwhile, waited = [session.reopen, session.close], []

        def looked_up(access: Access) -> Any:
            thread = threading.Thread(target=meanwhile.pop(0), daemon=True)
            thread.start()
            thread.join(10)
            waited.append(thread.is_alive())
            return cluster.open(access)

        self.assertRaises(EtcdUnavailable, self.call, session)
        self.assertEqual(waited, [False, False])
        self.assertEqual([lane.closed for lane in cluster.opened], [True, True])

    def test_new_certificates(self) -> None:
        """New calls go to new channels; the old ones serve calls under way, and are closed after a while."""
        cluster = MemoryCluster()
        session = self.session(cluster)
        self.call(session)
        session.reopen()
        self.call(session)
        old, new = cluster.opened
        self.assertEqual((old.closed, new.closed), (False, False))
        cluster.clock.advance(RETIREMENT)
        self.call(session)
        self.assertEqual((old.closed, new.closed, len(cluster.opened)), (True, False, 2))
        session.reopen()
        session.close()
        self.assertTrue(new.closed)

    def test_read_is_repeated(self) -> None:
        """A read that nobody answered in half its time is sent again, within the rest."""
        cluster = MemoryCluster(outcomes=[LATE])
        self.assertEqual(self.call(self.session(cluster), repeatable=True), "a")
        self.assertEqual([(call.timeout, call.wait_for_ready) for call in cluster.calls], [(1.5, False), (1.5, True)])

    def test_write_is_not_repeated(self) -> None:
        """A write that may have arrived has all the time, once."""
        for outcome in (LATE, BROKEN):
            cluster = MemoryCluster(outcomes=[outcome])
            self.assertRaises(EtcdUnavailable, self.call, self.session(cluster))
            self.assertEqual([call.timeout for call in cluster.calls], [3.0])

    def test_write_that_was_never_sent(self) -> None:
        """A write that certainly never left waits for a member to connect to."""
        cluster = MemoryCluster(outcomes=[UNCONNECTED])
        self.assertEqual(self.call(self.session(cluster)), "a")
        self.assertEqual([call.wait_for_ready for call in cluster.calls], [False, True])

    def test_the_reason_is_told(self) -> None:
        """When the wait was in vain, the error is why there was one."""
        cluster = MemoryCluster(outcomes=[UNCONNECTED, LATE])
        error = self.assertRaises(EtcdUnavailable, self.call, self.session(cluster))
        self.assertIn("connection refused", str(error))
        self.assertFalse(error.sent)

    def test_whether_it_was_sent(self) -> None:
        """A member that was reached and did not answer counts more than one that was not reached."""
        for outcomes, sent in (
            ([UNCONNECTED, UNCONNECTED, UNCONNECTED], False),
            ([UNCONNECTED, LATE, UNCONNECTED], True),
            ([LATE, UNCONNECTED, UNCONNECTED], True),
        ):
            cluster = MemoryCluster(names=("a", "b", "c"), outcomes=list(outcomes))
            error = self.assertRaises(EtcdUnavailable, self.call, self.session(cluster), True)
            self.assertEqual(error.sent, sent, outcomes)

    def test_refusal_is_final(self) -> None:
        """A call that etcd refused is not tried again."""
        cluster = MemoryCluster(outcomes=[FailedCall(Code.PERMISSION_DENIED, "etcdserver: permission denied")])
        self.assertRaises(EtcdRefused, self.call, self.session(cluster), True)
        self.assertEqual(len(cluster.calls), 1)

    def test_lanes_by_preference(self) -> None:
        """With several lanes a write goes to the next one that can be connected to, and stays there."""
        cluster = MemoryCluster(names=("a", "b", "c"), outcomes=[UNCONNECTED, UNCONNECTED])
        session = self.session(cluster)
        self.assertEqual(self.call(session), "c")
        self.assertEqual(self.call(session), "c")
        self.assertFalse(any(call.wait_for_ready for call in cluster.calls))

    def test_shared_turn(self) -> None:
        """Knowledge of one session about an endpoint serves the others, which have channels of their own."""
        failover = Failover(1)
        first = MemoryCluster(names=("a", "b", "c"), outcomes=[LATE])
        second = MemoryCluster(names=("a", "b", "c"))
        sessions = [Session(self.access, 3.0, c.clock.seconds, c.open, failover) for c in (first, second)]
        self.assertEqual(self.call(sessions[0], repeatable=True), "c")
        self.assertEqual([call.lane for call in first.calls], ["b", "c"])
        self.assertEqual(self.call(sessions[1]), "c")

    def test_lane_that_broke(self) -> None:
        """After a lane broke under a write, the next write takes another."""
        cluster = MemoryCluster(names=("a", "b"), outcomes=[BROKEN])
        session = self.session(cluster)
        self.assertRaises(EtcdUnavailable, self.call, session)
        self.assertEqual(self.call(session), "b")

    def test_never_beyond_the_deadline(self) -> None:
        """However many lanes do not answer, the call ends with its time."""
        cluster = MemoryCluster(names=("a", "b", "c", "d"), outcomes=[LATE] * 9)
        self.assertRaises(EtcdUnavailable, self.call, self.session(cluster), True)
        self.assertEqual(cluster.clock.seconds(), 3.0)

    def test_opened_anew(self) -> None:
        """After many calls in a row that nobody answered the channels are closed, and opened by the next."""
        cluster = MemoryCluster(outcomes=[BROKEN] * STRIKES)
        session = self.session(cluster)
        for _ in range(STRIKES):
            self.assertFalse(any(lane.closed for lane in cluster.opened))
            self.assertRaises(EtcdUnavailable, self.call, session)
        self.assertTrue(cluster.opened[0].closed)
        self.call(session)
        self.assertEqual(len(cluster.opened), 2)

    def test_strikes_are_in_a_row(self) -> None:
        """One answer takes all strikes back."""
        cluster = MemoryCluster(outcomes=[*[BROKEN] * (STRIKES - 1), None, BROKEN])
        session = self.session(cluster)
        for _ in range(STRIKES - 1):
            self.assertRaises(EtcdUnavailable, self.call, session)
        self.call(session)
        self.assertRaises(EtcdUnavailable, self.call, session)
        self.assertEqual([lane.closed for lane in cluster.opened], [False])

    def test_closed(self) -> None:
        """A closed session closed its channels and opens no more."""
        cluster = MemoryCluster()
        session = self.session(cluster)
        self.call(session)
        session.close()
        self.assertTrue(cluster.opened[0].closed)
        self.assertRaises(EtcdUnavailable, self.call, session)
        self.assertEqual(len(cluster.opened), 1)


class TokenTests(SessionCase):
    """Tokens: when one is fetched, and when it is replaced."""

    access = evolve(SessionCase.access, user="root", password="secret")

    def test_one_token(self) -> None:
        """A token is fetched once and sent with each call."""
        cluster = MemoryCluster()
        session = self.session(cluster)
        self.call(session)
        self.call(session)
        self.assertEqual([call.metadata for call in cluster.calls], [(("token", "token-1"),)] * 2)

    def test_token_lost(self) -> None:
        """A token that etcd forgot is replaced once, and the call sent again: nothing was done."""
        cluster = MemoryCluster(outcomes=[NO_TOKEN])
        session = self.session(cluster)
        self.assertEqual(self.call(session), "a")
        self.assertEqual(cluster.calls[-1].metadata, (("token", "token-2"),))

    def test_token_lost_twice(self) -> None:
        """One that is forgotten at once again is a refusal."""
        cluster = MemoryCluster(outcomes=[NO_TOKEN, NO_TOKEN])
        session = self.session(cluster)
        self.assertRaises(EtcdRefused, self.call, session)
        self.assertEqual(cluster.tokens, 2)

    def test_other_password(self) -> None:
        """Another password is used for the next token, and costs none before that."""
        cluster = MemoryCluster(outcomes=[None, NO_TOKEN])
        session = self.session(cluster)
        self.call(session)
        session.use_password("changed")
        self.call(session)
        self.assertEqual(cluster.passwords, ["secret", "changed"])

    def test_token_replaced_by_another_thread(self) -> None:
        """Forgetting a token that was replaced meanwhile keeps the new one."""
        cluster = MemoryCluster()
        session = self.session(cluster)
        first = session.token(session.deadline())
        session.forget(first)
        second = session.token(session.deadline())
        session.forget(first)
        self.assertEqual(session.token(session.deadline()), second)
