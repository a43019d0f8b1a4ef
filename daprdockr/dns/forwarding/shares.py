# -*- test-case-name: tests.unit.dns.forwarding.test_waiting -*-
"""
Fair shares of something scarce: how many each holder has, and which is given up first, the oldest of the largest
holder. Pure.

The cost of a call does not depend on the number of holders: they are stored by how many they hold.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Shares(Generic[Item]):
    """The items of each holder, the oldest first."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Item, None]] = {}
        self._holders: dict[int, dict[str, None]] = {}
        """The holders by how many items they hold."""
        self._most = 0

    def count(self, holder: str) -> int:
        """Return how many items it holds."""
        return len(self._held.get(holder, ()))

    def oldest_of_most(self) -> tuple[str, Item]:
        """Return the holder of most items and its oldest item; there must be one."""
        holder = next(iter(self._holders[self._most]))
        return holder, next(iter(self._held[holder]))

    def take(self, holder: str, item: Item) -> None:
        """Record one more item of a holder."""
        held = self._held.setdefault(holder, {})
        held[item] = None
        self._move(holder, len(held) - 1, len(held))

    def free(self, holder: str, item: Item) -> None:
        """Record that a holder gave up an item."""
        held = self._held[holder]
        del held[item]
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
        if after > self._most or self._most not in self._holders:
            # Counts change by one, so a holder that alone had the most still has the most.
            self._most = after
