"""
Calls to etcd: to which member, with which timeout, under which token. Knows no key and no lease.

Note [One member frozen]
    A member that is stopped, or behind a broken network, keeps its connection for some seconds. A repeatable call, as
    every read and every beat is, therefore gets half of its time for the first attempt and the rest for attempts at the
    next members. A write gets all its time once. After either failure the session moves on to the next member.

Note [Opening anew]
    The addresses of host names are resolved when the channels are opened. After ``STRIKES`` unanswered calls in a row
    the channels are closed, and the next call opens new ones, in case a name has moved.

    A look-up may take half a minute if no name server answers. Only calls wait for it: ``reopen`` is called by the
    reactor, whose agent may be the name server of this host. If it is called meanwhile, the channels are opened once
    more.

Note [New certificates]
    A connection outlives its certificate, and fails when it is made again with the files read long ago. So when the
    files have changed, new calls go to new channels, and the old ones are closed ``RETIREMENT`` seconds later: calls in
    progress end as they began. For the watch that is no loss of etcd: a list follows, and another watch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from attrs import define, evolve, field

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.channel import EtcdChannel, open_lanes
from daprdockr.etcd.errors import classed, is_lost_token, is_never_sent, is_unreachable
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.stubs import AuthenticateRequest, grpc
from daprdockr.model.errors import EtcdUnavailable

_log = logging.getLogger(__name__)

STRIKES = 10
"""The number of unanswered calls in a row after which the channels are opened anew."""

RETIREMENT = 30.0
"""How long replaced channels stay open for the calls in progress, in seconds."""

SHORTEST = 0.05
"""The shortest timeout of an attempt, even after the deadline, in seconds."""

HAS_LEADER = ("hasleader", "true")
"""Requires a leader of a member; etcd's own name for it."""

Method = Callable[[EtcdChannel], Callable[..., Any]]
"""Selects one remote procedure from a lane's stubs."""

Metadata = tuple[tuple[str, str], ...]


@define(eq=False)
class Session:
    """
    Safe to call from several threads; opens its channels with the first call.

    :ivar timeout: the seconds within which ``call`` ends, whatever happens.
    :ivar clock: a monotonic clock, in seconds.
    :ivar failover: which endpoint to use, shared with other sessions: Note [Detected by the beats] in ``failover``.
    """

    access: Access
    timeout: float
    clock: Callable[[], float]
    open_lanes: Callable[[Access], tuple[EtcdChannel, ...]] = open_lanes
    failover: Failover = field(factory=Failover)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _opening: threading.Lock = field(init=False, factory=threading.Lock)
    _renewing: threading.Lock = field(init=False, factory=threading.Lock)
    _lanes: tuple[EtcdChannel, ...] = field(init=False, default=())
    _strikes: int = field(init=False, default=0)
    _token: str = field(init=False, default="")
    _closed: bool = field(init=False, default=False)
    _reopened: int = field(init=False, default=0)
    _retired: tuple[EtcdChannel, ...] = field(init=False, default=())
    _retired_until: float = field(init=False, default=0.0)

    def deadline(self, stretch: float = 1.0) -> float:
        """Return when a call that begins now must have ended; ``stretch`` times later than usual."""
        return self.clock() + self.timeout * stretch

    def call(self, method: Method, request: Any, *, deadline: float, repeatable: bool = False) -> Any:
        """
        Send one request and return its answer, under a token that is renewed at most once.

        :param repeatable: whether it may be sent twice. See Note [One member frozen].
        :raises EtcdUnavailable, EtcdRefused, EtcdHistoryLost: the call failed.
        """
        token = self.token(deadline)
        try:
            return self._send(method, request, self.metadata(token), deadline, repeatable)
        except (grpc.RpcError, ValueError) as error:
            if not token or not is_lost_token(error):
                raise classed(error, self.access) from error
        self.forget(token)
        token = self.token(deadline)
        try:
            return self._send(method, request, self.metadata(token), deadline, repeatable)
        except (grpc.RpcError, ValueError) as error:
            raise classed(error, self.access) from error

    def stream(self, lane: EtcdChannel, method: Method, requests: Iterator[Any], token: str) -> Any:
        """
        Open a stream without an end, which breaks when its member has no leader, so that a partitioned member is left.
        """
        return method(lane)(requests, metadata=(*self.metadata(token), HAS_LEADER))

    def lane(self) -> tuple[int, EtcdChannel]:
        """Return the choice and its lane."""
        choice, lanes = self._by_preference()
        return choice, lanes[0]

    @property
    def replaced(self) -> int:
        """How often ``reopen`` has replaced the channels."""
        return self._reopened

    def token(self, deadline: float) -> str:
        """Return the token of ``access.user``, fetched if there is none; "" without a user."""
        if not self.access.user:
            return ""
        with self._renewing:
            if not self._token:
                request = AuthenticateRequest(name=self.access.user, password=self.access.password)
                try:
                    answer = self._send(lambda lane: lane.auth.Authenticate, request, (), deadline, True)
                except (grpc.RpcError, ValueError) as error:
                    raise classed(error, self.access) from error
                self._token = answer.token
            return self._token

    def use_password(self, password: str) -> None:
        """Fetch later tokens with this password; the present one is good until etcd forgets it."""
        self.access = evolve(self.access, password=password)

    def move(self, endpoints: tuple[EtcdEndpoint, ...]) -> None:
        """Use these endpoints from the next call on; calls in progress end as they began."""
        if endpoints != self.access.endpoints:
            self.access = evolve(self.access, endpoints=endpoints)
            self.reopen()

    def metadata(self, token: str) -> Metadata:
        return (("token", token),) if token else ()

    def forget(self, token: str) -> None:
        """Have the next call fetch a token, unless another thread replaced this one already."""
        with self._renewing:
            if self._token == token:
                self._token = ""

    def reopen(self) -> None:
        """See Note [New certificates]."""
        with self._lock:
            retired, self._lanes = self._lanes, ()
            self._reopened += 1
            self._retired += retired
            self._retired_until = self.clock() + RETIREMENT

    def close(self) -> None:
        """End every call and stream in flight, and refuse new ones."""
        self._closed = True
        self._discard()
        self._close_retired()

    def _send(self, method: Method, request: Any, metadata: Metadata, deadline: float, repeatable: bool) -> Any:
        """:raises grpc.RpcError, ValueError: the last attempt failed."""
        if self._retired and self.clock() >= self._retired_until:
            self._close_retired()
        choice, lanes = self._by_preference()
        is_alone = len(lanes) == 1
        attempts = lanes * 2 if is_alone else lanes
        failures: list[grpc.RpcError] = []
        for place, lane in enumerate(attempts):
            is_last = place == len(attempts) - 1
            rest = max(deadline - self.clock(), SHORTEST)
            timeout = rest / 2 if repeatable and not is_last else rest
            waits = is_alone and is_last
            try:
                answer = method(lane)(request, timeout=timeout, metadata=metadata, wait_for_ready=waits)
            except grpc.RpcError as error:
                if not is_unreachable(error):
                    raise
                if not is_alone:
                    self.failover.move_on(choice + place)
                failures.append(error)
                if is_last or not (repeatable or is_never_sent(error)):
                    self._strike()
                    raise _telling(failures, waits) from None
            else:
                self._strikes = 0
                return answer
        raise AssertionError("there is always a last try")

    def _by_preference(self) -> tuple[int, tuple[EtcdChannel, ...]]:
        """Return the choice and all lanes, opened if necessary, beginning with the one to try first."""
        lanes, choice = self._present()[0] or self._opened(), self.failover.number
        first = choice % len(lanes)
        return choice, lanes[first:] + lanes[:first]

    def _present(self) -> tuple[tuple[EtcdChannel, ...], int]:
        """Return the lanes, () if none are open, and how often they were to be opened anew."""
        with self._lock:
            if self._closed:
                raise EtcdUnavailable("the connection to etcd was closed by us")
            return self._lanes, self._reopened

    def _opened(self) -> tuple[EtcdChannel, ...]:
        """Return the lanes, opened unless another thread has done so. See Note [Opening anew]."""
        with self._opening:
            while True:
                lanes, reopened = self._present()
                if lanes:
                    return lanes
                lanes = self.open_lanes(self.access)
                with self._lock:
                    if not self._closed and reopened == self._reopened:
                        self._lanes = lanes
                        return lanes
                _close(lanes)

    def _strike(self) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            _log.info("etcd did not answer %d calls: its endpoints are looked up anew", STRIKES)
            self._strikes = 0
            self._discard()

    def _close_retired(self) -> None:
        with self._lock:
            retired, self._retired = self._retired, ()
        _close(retired)

    def _discard(self) -> None:
        with self._lock:
            lanes, self._lanes = self._lanes, ()
        _close(lanes)


def _telling(failures: Sequence[grpc.RpcError], waited: bool) -> grpc.RpcError:
    """
    Return the failure that says most: the last of those that may have reached a member, otherwise the last one. An
    attempt that ``waited`` for a member ends with "deadline exceeded"; the one before it knows the reason.
    """
    *before, last = failures
    known = before if before and waited and not is_never_sent(last) else failures
    return ([one for one in known if not is_never_sent(one)] or known)[-1]


def _close(lanes: Iterable[EtcdChannel]) -> None:
    for lane in lanes:
        lane.channel.close()
