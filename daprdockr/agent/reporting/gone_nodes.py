"""
The nodes that this agent saw go, for the status page: in etcd nothing is left of a node whose lease has ended.
``leave`` removes the cordon of a node too, so it is remembered here whether the node was cordoned.

Here a node is gone while no node has its name. Events count leases instead: for ``departures`` a node is also gone if
it has come back under another lease, and only an agent that was there all along reports that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView

KEPT = 86_400.0
"""Seconds for which a node that does not come back is remembered."""

MOST = 50


class GoneNodes:
    """:param wall: seconds since the epoch, for people to read."""

    def __init__(self, cluster: ClusterView, wall: Callable[[], float]) -> None:
        self._cluster = cluster
        self._wall = wall
        self._there: frozenset[str] = frozenset()
        self._cordoned: frozenset[str] = frozenset()
        self._gone: dict[str, float] = {}
        self._meant: frozenset[str] = frozenset()

    def on_changes(self, changes: Changes) -> None:
        """Take note of nodes that went or came back, and of their cordons."""
        if not changes.nodes:
            return
        there, cordoned = frozenset(self._cluster.nodes), frozenset(self._cluster.cordoned)
        now = self._wall()
        self._gone |= dict.fromkeys(self._there - there, now)
        latest = sorted(self._gone.items(), key=lambda item: -item[1])[:MOST]
        self._gone = {name: at for name, at in latest if name not in there}
        self._meant = (self._meant | self._cordoned | cordoned) & self._gone.keys()
        self._there, self._cordoned = there, cordoned

    def __iter__(self) -> Iterator[tuple[str, float, bool]]:
        """
        Yield the nodes that are gone, each with the time at which its lease ended, and whether it was meant to go:
        somebody had cordoned it, or did so then.
        """
        oldest = self._wall() - KEPT
        yield from ((name, at, name in self._meant) for name, at in sorted(self._gone.items()) if at >= oldest)
