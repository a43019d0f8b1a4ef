"""The candidates for placement, as the mirror has them now: computed again only for the nodes that changed."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.planning.candidates import Candidate, candidate
from daprdockr.planning.placing.wave import offers


class Roster:
    """Call it for ``planning.candidates.candidates`` of the mirror, at the cost of what changed since the last call."""

    def __init__(self, cluster: ClusterView) -> None:
        self._cluster = cluster
        self._layout = -1
        self._seen: dict[str, int] = {}
        self._known: dict[str, Candidate | None] = {}
        self._candidates: tuple[Candidate, ...] = ()
        self._offered_in = -1
        self._offers: Mapping[ServiceName, tuple[Candidate, ...]] = {}

    def __call__(self) -> tuple[Candidate, ...]:
        """Return all nodes that are ready and not cordoned, by name."""
        if self._layout != self._cluster.layout.version:
            self._layout = self._cluster.layout.version
            self._follow(self._cluster.layout.changed)
        return self._candidates

    def offered(self, service: ServiceName) -> tuple[Candidate, ...]:
        """
        Return the candidates to rank for free instances of a service. See Note [A wave] in ``planning.placing.wave``.
        """
        if self._offered_in != self._cluster.layout.version:
            self._offered_in = self._cluster.layout.version
            self._offers = offers(self._cluster, self())
        return self._offers.get(service, self())

    def _follow(self, changed: dict[str, int]) -> None:
        stale = [node for node, layout in changed.items() if self._seen.get(node) != layout]
        gone = self._seen.keys() - changed.keys()
        if not (stale or gone):
            return
        for node in gone:
            del self._known[node]
        self._known.update((node, candidate(self._cluster, node)) for node in stale)
        self._seen = dict(changed)
        known = (self._known[node] for node in sorted(self._known))
        self._candidates = tuple(one for one in known if one is not None)
