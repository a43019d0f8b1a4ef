"""
Which containers that carry this node's name, or a former one of it, belong to this agent.

Note [Two clusters, one name]
    Agents of two clusters may have one node name on one Engine: the host name, which is the default. Each container
    carries the identity of the cluster that it was created for. One of a cluster that this state directory has never
    belonged to is another agent's, unless a claim of this node names it: it is neither adopted nor stopped, and it is
    reported. While the identity is unknown, because this agent never was in touch with etcd, nothing is known to be
    ours either. As a claim does, the record of a run of this node shows that the container which it names is ours.
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.statedir import StateDir
from daprdockr.model.host import ContainerState
from daprdockr.model.known.view import ClusterView


@frozen
class OwnContainers:
    """:ivar node: this node. :ivar state: knows which clusters and names this agent had before."""

    node: str
    cluster: ClusterView
    state: StateDir

    def is_foreign(self, container: ContainerState) -> bool:
        """Return whether it is another cluster's: Note [Two clusters, one name]."""
        holder = self.state.holder
        known = (0, self.cluster.identity, holder.cluster, *holder.clusters)
        return container.cluster not in known and not self._is_claimed(container)

    def is_copy(self, container: ContainerState) -> bool:
        """Return whether nothing shows that an agent made it: Note [The name is the mark] in ``model.host``."""
        return container.made_as != "" and not self._is_claimed(container)

    def is_held_back(self, container: ContainerState) -> bool:
        """Return whether it may be another's, for now: see also Note [A node that was renamed] in ``agent.holder``."""
        return container.former in self.cluster.nodes or self.is_foreign(container) or self.is_copy(container)

    def _is_claimed(self, container: ContainerState) -> bool:
        service = container.instance.service
        run = self.cluster.runs(service).get(container.run) if container.run else None
        if run is not None and run.record.node in (self.node, container.former):
            return run.record.container == container.id
        claim = self.cluster.claims(service).get(container.instance.number)
        return claim is not None and claim.node == self.node and claim.record.container == container.id
