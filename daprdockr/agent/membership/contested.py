"""
Detects whether another machine publishes an address of this node, and had it first. See ``planning.placing.clashes``.
"""

from __future__ import annotations

from twisted.logger import Logger

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.troubles.membership import AddressContested
from daprdockr.planning.placing.clashes import clashes
from daprdockr.runtime.logged_once import LoggedOnce


class Contested:
    """A view of the mirror: ``daprdockr.agent.mirror.views``."""

    log = Logger()

    def __init__(self, *, node: str, cluster: ClusterView) -> None:
        self._node = node
        self._cluster = cluster
        self._logged = LoggedOnce(
            lambda trouble: self.log.warn("{trouble}", trouble=trouble),
            lambda: self.log.info("no other machine publishes an address of this node any more"),
        )

    @property
    def trouble(self) -> str:
        """Why this node takes no more instances; empty while its addresses are its own, as far as known."""
        return self._logged.trouble

    @property
    def condition(self) -> AddressContested | None:
        return AddressContested(self.trouble) if self.trouble else None

    def on_changes(self, changes: Changes) -> None:
        if changes.nodes:
            self._logged.found(clashes(self._cluster.nodes.values()).get(self._node, ""))
