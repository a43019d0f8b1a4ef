"""
The program that a ``StrictClient`` runs as its other process: requests at a steady rate, and websockets.

Started as ``python -m tests.rig.strict_load WANTED`` with ``Wanted`` as JSON. Each line on stdin asks for what was
``Taken`` since the last one; the end of stdin ends it.

Note [Kept connections]
    A server closes a connection that is idle for too long; nginx after 75 s. A request that is on its way then is lost,
    and that is nobody's fault. So a client closes it long before, as all do that keep connections, and takes the one
    that was used last: what is not needed gets old.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from statistics import quantiles
from typing import Any

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from tests.rig.strict_client import Taken, Target, Wanted
from tests.rig.strict_connection import Connecting, Connection
from tests.rig.strict_sockets import Sockets

TICK = 0.002
MOST_UNDER_WAY = 2000
CONNECT = 10.0
"""Seconds that a connection may take."""
IDLE = 20.0
"""Seconds after which a connection is closed that no request needed: Note [Kept connections]."""


@define
class Tally:
    """The results of requests since the last answer to our parent."""

    sent: int = 0
    skipped: int = 0
    lost: Counter[str] = Factory(Counter)
    taken: list[float] = Factory(list)
    silence: float = 0.0

    def written(self, sockets: Sockets) -> Taken:
        ordered = sorted(self.taken) or [0.0]
        cuts = quantiles(ordered, n=100) if len(ordered) > 1 else ordered * 99
        open_, cut = sockets.take()
        return Taken(
            self.sent, self.skipped, dict(self.lost), cuts[49], cuts[98], ordered[-1], self.silence, open_, cut
        )


class Load:
    """All requests: which are due, which are under way, and what became of them."""

    def __init__(self, reactor: Any, wanted: Wanted) -> None:
        self.reactor, self.wanted, self.tally = reactor, wanted, Tally()
        self.limit = wanted.limit
        self._idle: dict[Target, deque[Connection]] = {target: deque() for target in wanted.targets}
        self._number = 0
        self._begun = self._heard = self._paused_at = self.now()
        self._due = 0
        self.under_way = 0
        self.paused = False

    def now(self) -> float:
        return float(self.reactor.seconds())

    def go(self) -> None:
        """Send what is due from now on."""
        self._begun += self.now() - self._paused_at
        self._heard = self.now()
        self.paused = False
        self._tick()

    async def pause(self) -> None:
        """Send no more, and wait for what is under way."""
        self.paused, self._paused_at = True, self.now()
        while self.under_way:
            await deferLater(self.reactor, TICK)
        self.tally.silence = max(self.tally.silence, self._paused_at - self._heard)

    def _tick(self) -> None:
        if self.paused:
            return
        self.reactor.callLater(TICK, self._tick)
        due = int((self.now() - self._begun) * self.wanted.rate) - self._due
        self._due += due
        room = max(0, min(due, self.wanted.rate, MOST_UNDER_WAY - self.under_way))
        self.tally.skipped += due - room
        for _ in range(room):
            self._send()

    def _send(self) -> None:
        number = self._number
        self._number += 1
        method, kept = "POST" if self.wanted.posts and number % 5 == 0 else "GET", number % 2 == 0
        target = self.wanted.targets[number // 10 % len(self.wanted.targets)]
        self.tally.sent += 1
        self.under_way += 1
        connection = self.latest(target) if kept else None
        if connection is not None:
            connection.begin(method)
            return
        connection = Connection(self, target, kept)
        connection.begin(method)
        self.reactor.connectTCP(target.address, target.port, Connecting(connection), timeout=CONNECT)

    def latest(self, target: Target) -> Connection | None:
        """The kept connection that was used last and has not ended; None where a new one is to be made."""
        idle = self._idle[target]
        while idle and idle[0].idle_since < self.now() - IDLE:
            idle.popleft().close()
        while idle:
            connection = idle.pop()
            if not connection.over:
                return connection
        return None

    def idle(self, connection: Connection) -> None:
        connection.idle_since = self.now()
        self._idle[connection.target].append(connection)

    def ended(self, seconds: float, lost: str) -> None:
        self.under_way -= 1
        if lost:
            self.tally.lost[lost] += 1
            return
        self.tally.taken.append(seconds)
        self.tally.silence = max(self.tally.silence, self.now() - self._heard)
        self._heard = self.now()


class Parent(LineOnlyReceiver):
    """Our parent, on stdin and stdout."""

    delimiter = b"\n"

    def __init__(self, load: Load, sockets: Sockets) -> None:
        self._load, self._sockets = load, sockets
        self.gone: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        Deferred.fromCoroutine(self._answer())

    async def _answer(self) -> None:
        await self._load.pause()
        tally, self._load.tally = self._load.tally, Tally()
        self.sendLine(tally.written(self._sockets).encode().encode())
        self._load.go()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - as Twisted has it
        self.gone.callback(None)


def main(reactor: Any, wanted: str) -> Deferred[None]:
    load = Load(reactor, Wanted.decode(wanted))
    sockets = Sockets(reactor, load.wanted)
    sockets.begin()
    parent = Parent(load, sockets)
    StandardIO(parent, reactor=reactor)
    return parent.gone


if __name__ == "__main__":
    react(main, sys.argv[1:])
