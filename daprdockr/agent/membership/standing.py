# -*- test-case-name: tests.unit.agent.reconcile.test_gather -*-
"""The present standing of this node, from its options and from the knowledge of mirror, host and heartbeat."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from daprdockr.agent.host.host import Host
from daprdockr.agent.membership.contested import Contested
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.presence import NodeIdentity
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.planning.situation import Here


@frozen
class Standing:
    """
    Call it for the node as it is now.

    :param where: returns the addresses it publishes now.
    :param keys: returns the ids of the cluster keys that it has now.
    """

    node: NodeIdentity
    where: Callable[[], Whereabouts]
    mirror: Mirror
    host: Host
    heartbeat: Heartbeat
    contested: Contested
    keys: Callable[[], frozenset[str]] = frozenset

    def __call__(self) -> Here:
        """Return the node as it is now. Without the Engine it claims nothing: it could not run what it claims."""
        node, host, cluster, where = self.node, self.host, self.mirror.cluster, self.where()
        return Here(
            node=node.name,
            addresses=where.addresses,
            labels=node.labels,
            allow=node.allow,
            cordoned=node.name in cluster.cordoned or self.contested.trouble != "",
            lease=self.heartbeat.lease if host.listed and not host.trouble else 0,
            held_lease=self.heartbeat.lease,
            in_touch=self.mirror.in_touch and host.listed and cluster.identity != 0,
            cluster=cluster.identity,
            revision=max(cluster.revision, cluster.history.superseded),
            local=where.local,
            keys=self.keys(),
            former=tuple(name for name in node.former if name not in cluster.nodes),
        )
