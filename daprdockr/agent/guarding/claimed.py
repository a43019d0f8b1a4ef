# -*- test-case-name: tests.unit.agent.guarding.test_guarded -*-
"""Which lease covers a container: that of this node's claim, if it names the container."""

from __future__ import annotations

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.model.host import ContainerState


def claimed_under(mirror: Mirror, node: str, container: ContainerState) -> int:
    """The lease under which this node's claim names this container; 0: none does, as far as is known now."""
    claim = mirror.cluster.claims(container.instance.service).get(container.instance.number)
    if claim is None or not mirror.in_touch:
        return 0
    return claim.lease if claim.node == node and claim.record.container == container.id else 0
