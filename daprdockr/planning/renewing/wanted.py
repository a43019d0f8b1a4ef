"""
The host names that should have a certificate by ACME: those of definitions that are served by TLS, and that no other
certificate covers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from attrs import field, frozen

from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.certificate import ACME, CertificateFacts
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.http import OFF
from daprdockr.planning.renewing.schedule import Life

LONGEST_NAME = 253 - len("_acme-challenge.")
"""The name that DNS-01 asks for must be one, too."""


@frozen
class Covered:
    """
    The certificates of the operator's own.

    :ivar stored: those that etcd has, which every node shows.
    :ivar files: by node, those of its files: until when each is valid, by name.

    A certificate in files is for its node alone. So a name counts as covered by files when those of each node that has
    any cover it: otherwise some nodes would show none. One that is no longer valid covers nothing.
    """

    stored: Collection[CertificateFacts]
    files: Collection[Mapping[str, float]]
    _ends: Mapping[str, float] = field(init=False)
    """Until when those of ``stored`` are valid, by name: a cluster may have thousands of both."""

    @_ends.default
    def _(self) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for facts in self.stored:
            for name in facts.names:
                found[name] = max(found.get(name, 0.0), facts.not_after)
        return found

    def has(self, name: str, now: float) -> bool:
        """Return whether a host name needs no certificate by ACME."""
        names = name, "*." + name.partition(".")[2]
        if any(now < self._ends.get(one, now) for one in names):
            return True
        having = [ends for ends in self.files if ends]
        return bool(having) and all(any(now < ends.get(one, now) for one in names) for ends in having)


def covered_in_cluster(cluster: ClusterView) -> Covered:
    stored = [one.facts for one in cluster.certificates.values() if one.source != ACME]
    return Covered(stored, [node.record.certificates for node in cluster.nodes.values()])


def wanted_in_cluster(cluster: ClusterView, now: float) -> tuple[str, ...]:
    """Return the names of a cluster in order. :param now: wall-clock seconds."""
    covered = covered_in_cluster(cluster)
    definitions = (service.definition for service in cluster.services.values())
    return wanted_names(definitions, lambda name: covered.has(name, now))


def lives_in_cluster(cluster: ClusterView, wanted: Iterable[str]) -> dict[str, Life]:
    """
    Return how long the certificates by ACME are valid, by name. One that no node can open, because the cluster's key
    was lost, counts as none: nobody shows it.
    """
    nodes = [node.record.keys for node in cluster.nodes.values()]
    found = {}
    for name in wanted:
        record = cluster.certificates.get(name)
        if record is not None and record.source == ACME and (not nodes or any(record.key in keys for keys in nodes)):
            found[name] = Life(record.facts.not_before, record.facts.not_after)
    return found


def wanted_names(definitions: Iterable[Definition], is_covered: Callable[[str], bool]) -> tuple[str, ...]:
    """
    Return the names in order.

    :param is_covered: whether a certificate of the operator's own is there for a name.
    """
    found = {
        name
        for definition in definitions
        for entry in definition.http
        if entry.tls != OFF
        for name in entry.host_names
        if is_orderable(name)
    }
    return tuple(sorted(name for name in found if not is_covered(name)))


def is_orderable(name: str) -> bool:
    """
    Return whether a public CA may issue for a name at all: it has a dot, no underscore, and does not end as an address.
    """
    bare = name.removeprefix("*.")
    return "." in bare and "_" not in bare and not bare.rpartition(".")[2].isdigit() and len(bare) <= LONGEST_NAME
