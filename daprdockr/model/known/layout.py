# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
The input of placement beside definitions and node records: the instances of each node, the time at which instances
became free, and the version of each change. It is part of the mirror, and only the mirror writes to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from attrs import define, field

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord


@define(eq=False)
class Layout:
    """:ivar nodes: the names of nodes that have a record."""

    nodes: Container[str]
    version: int = 0
    """
    Grows with every change that placement depends on: definitions, nodes, owners, and the nodes on which instances
    fail.
    """
    placed: dict[str, Counter[ServiceName]] = field(factory=dict)
    """By node: the number of its claims and successions of each service; none is zero."""
    changed: dict[str, int] = field(factory=dict)
    """
    By node that has a record or claims: the version in which its record, its cordon, its claims or a definition of one
    of its services changed last.
    """
    freed: dict[ServiceName, int] = field(factory=dict)
    """
    By defined service: the revision at which its definition was set or an instance lost its claim, whichever is later.
    """

    def defined(self, service: ServiceName, revision: int) -> None:
        """Record that a definition was set."""
        self.freed[service] = max(revision, self.freed.get(service, 0))
        self._touch_holders(service)

    def undefined(self, service: ServiceName) -> None:
        """Record that a definition was deleted."""
        self.freed.pop(service, None)
        self._touch_holders(service)

    def vacated(self, service: ServiceName, revision: int) -> None:
        """Record that an instance lost its claim."""
        if service in self.freed:
            self.freed[service] = max(revision, self.freed[service])

    def recount(self, service: ServiceName, old: ClaimRecord | None, new: ClaimRecord | None) -> None:
        """
        Record a new version of a claim; most change nothing for placement, because the instance stays on its node and
        only starts or becomes healthy.
        """
        if old is not None and new is not None and (old.node, old.fails) == (new.node, new.fails):
            return
        if old is not None:
            self._count(old.node, service, -1)
        if new is not None:
            self._count(new.node, service, 1)

    def touch(self, node: str) -> None:
        """Record that something about a node changed."""
        self.version += 1
        if node in self.nodes or node in self.placed:
            self.changed[node] = self.version
        else:
            self.changed.pop(node, None)

    def tied(self) -> None:
        """Record that where the data of an instance is changed: other nodes may take it, or none."""
        self.version += 1

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
