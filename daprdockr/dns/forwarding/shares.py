# -*- test-case-name: tests.unit.dns.forwarding.test_waiting -*-
"""
Who holds how many of something that is short, and whose is given up first: the oldest of who holds most. Pure.

Each call costs the same however many hold something: holders are kept by how many they hold.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Shares(Generic[Item]):
    """What each holder holds, the oldest first."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Item, None]] = {}
        self._holders: dict[int, dict[str, None]] = {}
        """By how many they hold."""
        self._most = 0

    def count(self, holder: str) -> int:
        """How many it holds."""
        return len(self._held.get(holder, ()))

    def oldest_of_most(self) -> tuple[str, Item]:
        """Who holds most, and what it holds longest; there has to be somebody."""
        holder = next(iter(self._holders[self._most]))
        return holder, next(iter(self._held[holder]))

    def take(self, holder: str, item: Item) -> None:
        """It holds one more."""
        held = self._held.setdefault(holder, {})
        held[item] = None
        self._move(holder, len(held) - 1, len(held))

    def free(self, holder: str, item: Item) -> None:
        """It holds this one no longer."""
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
            # Counts change by one, so who was alone with the most still has the most.
            self._most = after
