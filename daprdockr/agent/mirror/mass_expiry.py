"""
Detects whether node leases expire one by one, as hosts die, or many at once, which dying hosts do not explain.

Note [Many leases at once]
    etcd may end the leases of healthy nodes: a leader that was stopped for a while and resumes can do so before it
    learns that it is no longer the leader (etcd issue 15247), and without a leader no node could beat. Each of these
    nodes claims its instances again as soon as it notices. The few nodes that kept their leases must not be quicker:
    otherwise they start everything a second time, and the first copies go as surplus. So after a node vanished nothing
    is claimed for ``MOMENT`` seconds, in which the other leases that expire together are seen. If at least two nodes,
    and half the cluster, vanish within it, claim for one lease TTL only instances that run here already. The death of
    half the hosts is handled that much later.

    Ignore nodes that vanished while this node was disconnected: it finds that all others have vanished, perhaps long
    ago, and would wait while the next node to reconnect, which finds this one, claims everything.

    After an outage of etcd a node cannot tell a lease that ended because its host died from one that ended because its
    agent could not beat either, and is a little later to find etcd again, or has to take another lease first. So a node
    whose own lease was not certain for a while, or was ended, leaves the places of others alone for one lease TTL from
    when it is certain again. Dead hosts wait no longer for that: etcd gives the leases that outlived the outage their
    full time. A node that never saw another one waits for nobody.

    The nodes find etcd again one after another, so these times end one after another, too. A node whose time has ended
    claims its own share at once, but leaves the others theirs for ``BEATS`` beats more: otherwise the first node takes
    all that came free or was defined meanwhile.

    After a person had the agents believe another history (``trust-etcd``), the claims of running instances may be
    missing on all nodes, and each node has the same time to claim what it runs. Nor do they believe it all at once.
"""

from __future__ import annotations

from collections.abc import Callable

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView

MOMENT = 0.1
"""Seconds in which leases that end together are seen to end; sixty took 30 ms, also beside 24 busy processes."""

BEATS = 2
"""How many beats later than this node another one may find etcd again: one beat may hang, and the next one is sent."""


class MassExpiry:
    """
    :param node: this node's name.
    :param clock: monotonic seconds.
    :param ttl: the TTL of a lease, in seconds.
    """

    def __init__(self, *, node: str, clock: Callable[[], float], cluster: ClusterView, ttl: float) -> None:
        self._node = node
        self._clock = clock
        self._cluster = cluster
        self._ttl = ttl
        self._nodes: frozenset[str] = frozenset()
        self._has_seen_others = False
        self._vanished: dict[str, float] = {}
        self._begun = cluster.history.begun
        self.until = 0.0
        """Until this time only instances that run here are claimed."""
        self.own_share_until = 0.0
        """Until this time no instance is claimed that another node ranks first for."""

    def on_changes(self, changes: Changes) -> None:
        """See Note [Views before subscribers] in ``views``."""
        if not changes.nodes:
            return
        now = self._clock()
        before, present = self._nodes, frozenset(self._cluster.nodes)
        self._nodes = present
        self._has_seen_others = self._has_seen_others or not present <= {self._node}
        gone = before - present if self._node in before & present else frozenset()
        self._vanished = {name: at for name, at in self._vanished.items() if at > now - MOMENT}
        self._vanished.update(dict.fromkeys(gone, now))
        if gone:
            many = len(self._vanished) >= max(2, len(present - self._vanished.keys()))
            self.until = max(self.until, now + (self._ttl if many else MOMENT))
        if self._cluster.history.begun != self._begun:
            self._begun = self._cluster.history.begun
            self._give_time(now)

    def on_regained(self) -> None:
        """This node's lease is certain again, after a time in which it was not."""
        if self._has_seen_others:
            self._give_time(self._clock())

    def _give_time(self, now: float) -> None:
        self.until = max(self.until, now + self._ttl)
        self.own_share_until = self.until + BEATS * self._ttl / 3
