"""
The claims that this node lost and no other node has taken: it may claim these instances again unchanged.

Note [A lease that ended]
    When the lease ends (the agent was away too long, etcd was cut off), all claims of this node go at once, though its
    containers run on. Until each instance is claimed again, usually by this node within milliseconds, its names and
    routes stay here, and the knowledge about its container is kept: otherwise every return of an agent would take its
    healthy instances out of DNS and nginx for a moment.
"""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Claim


class OwnClaims:
    """:param node: this node's name."""

    def __init__(self, *, node: str, cluster: ClusterView) -> None:
        self._node = node
        self._cluster = cluster
        self._held: dict[ServiceName, dict[int, Claim]] = {}

    def on_changes(self, changes: Changes) -> None:
        """See Note [Views before subscribers] in ``views``."""
        for service in changes.services:
            self._remember(service)

    def lost(self, service: ServiceName) -> Mapping[int, Claim]:
        """Return, by instance number, the claims of wanted instances that were this node's and are nobody's now."""
        held = self._held.get(service)
        if not held:
            return {}
        claims = self._cluster.claims(service)
        return {number: claim for number, claim in held.items() if number not in claims}

    def _remember(self, service: ServiceName) -> None:
        known = self._cluster.services.get(service)
        if not self._cluster.is_declared(service):
            self._held.pop(service, None)
            return
        claims = self._cluster.claims(service)
        own = {number: claim for number, claim in claims.items() if claim.node == self._node}
        wanted = {
            number: claim
            for number, claim in (self._held.get(service, {}) | own).items()
            if (number in own or number not in claims) and (known is None or number <= known.definition.instances)
        }
        if wanted:
            self._held[service] = wanted
        else:
            self._held.pop(service, None)
