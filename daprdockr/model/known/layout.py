# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
What placement goes by beside definitions and node records: who holds what, when instances came free, and what of it
changed when. Part of the mirror, which alone writes here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from attrs import define, field

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord


@define(eq=False)
class Layout:
    """:ivar nodes: those that have a record."""

    nodes: Container[str]
    version: int = 0
    """Grows with every change of what placement goes by: definitions, nodes, who holds what and on whom it fails."""
    placed: dict[str, Counter[ServiceName]] = field(factory=dict)
    """How many claims and successions of each service every node has; none is zero."""
    changed: dict[str, int] = field(factory=dict)
    """
    For each node that is there or has claims, in which version its record, its cordon, its claims or a definition of
    what it has changed last.
    """
    freed: dict[ServiceName, int] = field(factory=dict)
    """For each definition the revision at which it was set, or an instance of it lost its claim, last."""

    def defined(self, service: ServiceName, revision: int) -> None:
        """A definition was set."""
        self.freed[service] = max(revision, self.freed.get(service, 0))
        self._touch_holders(service)

    def undefined(self, service: ServiceName) -> None:
        """A definition was deleted."""
        self.freed.pop(service, None)
        self._touch_holders(service)

    def vacated(self, service: ServiceName, revision: int) -> None:
        """An instance lost its claim."""
        if service in self.freed:
            self.freed[service] = max(revision, self.freed[service])

    def recount(self, service: ServiceName, old: ClaimRecord | None, new: ClaimRecord | None) -> None:
        """Most of what owners tell is nothing to placement: the instance stays where it was, and starts or is well."""
        if old is not None and new is not None and (old.node, old.fails) == (new.node, new.fails):
            return
        if old is not None:
            self._count(old.node, service, -1)
        if new is not None:
            self._count(new.node, service, 1)

    def touch(self, node: str) -> None:
        """Something about a node changed."""
        self.version += 1
        if node in self.nodes or node in self.placed:
            self.changed[node] = self.version
        else:
            self.changed.pop(node, None)

    def _touch_holders(self, service: ServiceName) -> None:
        self.version += 1
        for node, counts in self.placed.items():
            if service in counts:
                self.touch(node)

    def _count(self, node: str, service: ServiceName, change: int) -> None:
        counts = self.placed.setdefault(node, Counter())
        counts[service] += change
        if not counts[service]:
            del counts[service]
        if not counts:
            del self.placed[node]
        self.touch(node)
