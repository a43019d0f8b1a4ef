"""
Questions that are open at upstreams, and the clients that wait for them: both are bounded and shared. Pure.

Note [A share for each client]
    When all places are taken, a question without waiting clients gives up its own. Otherwise the oldest question of the
    client that has most goes, if that has at least two more than the one that asks: so a client whose questions stay
    without a reply, or that asks endlessly, takes places from itself. Among equals a question is given its time before
    it goes; otherwise the fastest client would end everybody's questions before they can be answered, at a cost of
    sockets for each packet. A question that other clients wait for as well is first counted as one of theirs. The
    waiting itself is shared in the same way, since one question may have any number of clients, or one client many
    times.

Note [Forged sources]
    Shares by address are worth nothing against somebody who forges the sender of each datagram: he has as many clients
    as he likes. An address that asks over TCP is proven, so each such client has a share of its own, and all clients
    that ask over UDP together have one more. A client that finds no place over UDP, or loses it, gets an answer that is
    cut, and asks again over TCP, where the share of UDP, full of forged questions, gives way at once. Conversely, a
    client with many questions over TCP leaves the others their shares, and UDP its own.
"""

from __future__ import annotations

from typing import Any

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from daprdockr.dns.forwarding.forwarded import Asked
from daprdockr.dns.forwarding.shares import Client, ClientShares

MAX_OPEN = 200
"""The most questions open at upstreams at one time; each holds a socket at each upstream that is asked."""
MAX_WAITING = 2000
"""The most clients that wait for one of them."""
CHANCE_SECONDS = 1.0
"""A question has at least so long before another one of a client with equally many takes its place."""


@define(eq=False)
class Waiter:
    """A client that waits for a reply."""

    client: Client
    reply: Deferred[bytes | None] = Factory(Deferred)


@define(eq=False)
class Open:
    """
    An open question, the clients that wait for its reply, and the client in whose share it is (None: nobody waits).
    """

    asked: Asked
    since: float
    waiters: dict[Waiter, None] = Factory(dict)
    holder: Client | None = None
    task: Deferred[Any] = Factory(Deferred)
    timeout: IDelayedCall | None = None


class OpenQuestions:
    """See Note [A share for each client] and Note [Forged sources]."""

    def __init__(self) -> None:
        self._open: dict[Asked, Open] = {}
        self._unawaited: dict[Open, None] = {}
        self._questions: ClientShares[Open] = ClientShares()
        self._waiters: ClientShares[Waiter] = ClientShares()
        self._waits_for: dict[Waiter, Open] = {}

    @property
    def full(self) -> bool:
        """Whether one more question would need the place of another one."""
        return len(self._open) >= MAX_OPEN

    def opened(self) -> list[Open]:
        """All open questions."""
        return list(self._open.values())

    def get(self, asked: Asked) -> Open | None:
        return self._open.get(asked)

    def begin(self, asked: Asked, now: float) -> Open:
        """Add a question; nobody waits for it yet."""
        opened = self._open[asked] = Open(asked, now)
        self._unawaited[opened] = None
        return opened

    def end(self, opened: Open) -> list[Waiter]:
        """Remove a question; return the clients that waited for it."""
        waiters = self.leave(opened)
        del self._open[opened.asked]
        del self._unawaited[opened]
        return waiters

    def wait(self, opened: Open, client: Client) -> Waiter:
        """Add a client that waits for a question."""
        waiter = Waiter(client)
        opened.waiters[waiter] = None
        self._waits_for[waiter] = opened
        self._waiters.take(client, waiter)
        if opened.holder is None:
            self._count_as(opened, client)
        return waiter

    def leave(self, opened: Open) -> list[Waiter]:
        """Remove all clients that wait for a question, and return them."""
        waiters = list(opened.waiters)
        for waiter in waiters:
            self._forget(waiter)
        self._count_as(opened, None)
        return waiters

    def leave_one(self, client: Client) -> tuple[Open, Waiter] | None:
        """
        Return the waiter that has to go so that this client can wait, when there are too many, and its question.

        :raises LookupError: this client itself must not wait.
        """
        if len(self._waits_for) < MAX_WAITING:
            return None
        waiter, fair = self._waiters.gives_way(client)
        if not fair:
            raise LookupError
        opened = self._forget(waiter)
        if opened.holder not in {other.client for other in opened.waiters}:
            left = next(iter(opened.waiters), None)
            self._count_as(opened, None if left is None else left.client)
        return opened, waiter

    def gives_way(self, client: Client, now: float) -> Open | None:
        """
        Return the question that has to go so that this client can have one more, when they are too many; None: no
        question goes.
        """
        if self._unawaited:
            return next(iter(self._unawaited))
        while True:
            opened, fair = self._questions.gives_way(client)
            other = self._better_holder(opened)
            if other is None:
                return opened if fair or now - opened.since >= CHANCE_SECONDS else None
            self._count_as(opened, other)

    def _better_holder(self, opened: Open) -> Client | None:
        assert opened.holder is not None
        for client in {waiter.client: None for waiter in opened.waiters}:
            if self._questions.is_better_with(client, opened.holder):
                return client
        return None

    def _forget(self, waiter: Waiter) -> Open:
        opened = self._waits_for.pop(waiter)
        self._waiters.free(waiter.client, waiter)
        del opened.waiters[waiter]
        return opened

    def _count_as(self, opened: Open, holder: Client | None) -> None:
        if opened.holder is None:
            self._unawaited.pop(opened, None)
        else:
            self._questions.free(opened.holder, opened)
        opened.holder = holder
        if holder is None:
            self._unawaited[opened] = None
        else:
            self._questions.take(holder, opened)
