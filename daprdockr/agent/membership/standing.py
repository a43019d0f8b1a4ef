# -*- test-case-name: tests.unit.agent.reconcile.test_gather -*-
"""How this node stands now, from what its options say and from what mirror, host and heartbeat know."""

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
    """Call it for the node as it is now. :param where: the addresses it publishes now."""

    node: NodeIdentity
    where: Callable[[], Whereabouts]
    mirror: Mirror
    host: Host
    heartbeat: Heartbeat
    contested: Contested

    def __call__(self) -> Here:
        """Without the Engine the node claims nothing: it could not keep its word."""
        node, host, cluster, where = self.node, self.host, self.mirror.cluster, self.where()
        return Here(
            node=node.name,
            addresses=where.addresses,
            labels=node.labels,
            allow=node.allow,
            cordoned=node.name in cluster.cordoned or self.contested.trouble != "",
            lease=self.heartbeat.lease if host.listed and not host.trouble else 0,
            in_touch=self.mirror.in_touch and host.listed and cluster.identity != 0,
            cluster=cluster.identity,
            revision=max(cluster.revision, cluster.history.superseded),
            local=where.local,
        )
