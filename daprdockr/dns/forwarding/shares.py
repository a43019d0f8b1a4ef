# -*- test-case-name: tests.unit.dns.forwarding.test_waiting -*-
"""
Fair shares of something scarce: how many each holder has, and which is given up first, the oldest of the largest
holder. Pure.

The cost of a call does not depend on the number of holders: they are stored by how many they hold.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import frozen

Item = TypeVar("Item", bound=Hashable)


@frozen
class Client:
    """
    The address that a question came from, and whether it is ``proven``, because the question came over TCP. Anybody can
    forge the source of a datagram.
    """

    address: str
    proven: bool = False


class Shares(Generic[Item]):
    """The items of each holder, the oldest first."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Item, None]] = {}
        self._holders: dict[int, dict[str, None]] = {}
        """The holders by how many items they hold."""
        self.most = 0
        """How many the largest holder holds."""
        self.total = 0

    def count(self, holder: str) -> int:
        """Return how many items it holds."""
        return len(self._held.get(holder, ()))

    def oldest_of_most(self) -> Item:
        """Return the oldest item of the holder of most; there must be one."""
        return next(iter(self._held[next(iter(self._holders[self.most]))]))

    def take(self, holder: str, item: Item) -> None:
        """Record one more item of a holder."""
        held = self._held.setdefault(holder, {})
        held[item] = None
        self.total += 1
        self._move(holder, len(held) - 1, len(held))

    def free(self, holder: str, item: Item) -> None:
        """Record that a holder gave up an item."""
        held = self._held[holder]
        del held[item]
        self.total -= 1
        self._move(holder, len(held) + 1, len(held))
        if not held:
            del self._held[holder]

    def _move(self, holder: str, before: int, after: int) -> None:
        if before:
            del self._holders[before][holder]
            if not self._holders[before]:
                del self._holders[before]
        if after:
            self._holders.setdefault(after, {})[holder] = None
        if after > self.most or self.most not in self._holders:
            # Counts change by one, so a holder that alone had the most still has the most.
            self.most = after


class ClientShares(Generic[Item]):
    """
    The items of clients. Each proven one has a share of its own; all others together have one such share, which they
    divide by their addresses.
    """

    def __init__(self) -> None:
        self._proven: Shares[Item] = Shares()
        self._others: Shares[Item] = Shares()

    def take(self, client: Client, item: Item) -> None:
        """Record one more item of a client."""
        self._of(client).take(client.address, item)

    def free(self, client: Client, item: Item) -> None:
        """Record that a client gave up an item."""
        self._of(client).free(client.address, item)

    def gives_way(self, client: Client) -> tuple[Item, bool]:
        """
        Return the item that has to go if this client gets one more, and whether its holder has at least two more than
        the client; there must be an item.
        """
        proven, others = self._proven, self._others
        if client.proven:
            given = proven if proven.most >= others.total else others
            return given.oldest_of_most(), max(proven.most, others.total) > proven.count(client.address) + 1
        if proven.most > others.total + 1:
            return proven.oldest_of_most(), True
        given = others if others.total else proven
        return given.oldest_of_most(), given.most > given.count(client.address) + 1

    def is_better_with(self, other: Client, holder: Client) -> bool:
        """Return whether the shares are more equal when ``other`` holds an item in place of ``holder``."""
        if other.proven == holder.proven:
            shares = self._of(other)
            return shares.count(other.address) + 1 < shares.count(holder.address)
        return self._load(other) + 1 < self._load(holder)

    def _of(self, client: Client) -> Shares[Item]:
        return self._proven if client.proven else self._others

    def _load(self, client: Client) -> int:
        return self._proven.count(client.address) if client.proven else self._others.total
