# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
The cluster as one agent knows it, for those who only read it: the planner, tables, the page and metrics.

``cluster.Cluster`` is this and takes over changes. Nothing here changes anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from attrs import define, field

from daprdockr.model.known.contents import Contents
from daprdockr.model.known.held import HeldEntries
from daprdockr.model.known.history import History
from daprdockr.model.known.layout import Layout
from daprdockr.model.known.values import Values
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.certificate import CertificateRecord
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.stored.renewal import ChallengeRecord
from daprdockr.model.stored.revisioned import (
    Broken,
    Claim,
    KnownRun,
    Node,
    Service,
    Slot,
    StoppedRollout,
    StoredVolumes,
)


@define(eq=False)
class ClusterView:
    """The values that are known, by kind and by service."""

    keys: Keys
    history: History = field(factory=History)
    generation: int = 0
    """Grows with every change of what is held."""
    broken: dict[str, Broken] = field(factory=dict)
    """By key: the values that cannot be read, or do not count."""
    held: HeldEntries = field(factory=HeldEntries)
    _contents: Contents = field(factory=Contents)

    @property
    def cluster_id(self) -> int:
        return self.history.cluster_id

    @property
    def identity(self) -> int:
        return self.history.identity

    @property
    def revision(self) -> int:
        return self.history.revision

    @property
    def services(self) -> Mapping[ServiceName, Service]:
        return self._contents.services

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self._contents.nodes

    @property
    def cordoned(self) -> AbstractSet[str]:
        """The nodes that take no more instances."""
        return self._contents.cordoned

    @property
    def draining(self) -> AbstractSet[str]:
        """Those of ``cordoned`` that hand over the instances they have."""
        return self._contents.draining

    @property
    def pauses(self) -> Mapping[ServiceName, PauseRecord]:
        """The services whose HTTP requests do not reach their instances; perhaps some that are not defined."""
        return self._contents.pauses

    @property
    def layout(self) -> Layout:
        return self._contents.layout

    @property
    def entries(self) -> Iterator[Entry]:
        """Every entry held, as etcd reported it; the state directory keeps these."""
        return iter(self.held)

    @property
    def loads(self) -> Counter[str]:
        """The number of claims and successions of each node."""
        return Counter({node: counts.total() for node, counts in self.layout.placed.items()})

    @property
    def claimed_services(self) -> Iterable[ServiceName]:
        """The services that have claims or successions."""
        return self._contents.claims.keys() | self._contents.successors.keys()

    def claims(self, service: ServiceName) -> Mapping[int, Claim]:
        """Return the claims of a service by instance number."""
        return self._contents.claims.get(service, {})

    def successors(self, service: ServiceName) -> Mapping[int, Claim]:
        """Return the successions of a service by instance number, in the form of claims by the next owner."""
        return self._contents.successors.get(service, {})

    @property
    def moving(self) -> AbstractSet[ServiceName]:
        """The services that have successions."""
        return self._contents.successors.keys()

    def dependents(self, service: ServiceName) -> AbstractSet[ServiceName]:
        """Return the services whose definitions name it in ``After``."""
        return self._contents.dependents.get(service, frozenset())

    @property
    def certificates(self) -> Mapping[str, CertificateRecord]:
        """The records of the certificates in etcd, by the host name that each is stored under."""
        return self._contents.certificates

    @property
    def thumbprint(self) -> str:
        """The second part of each answer to a challenge of an ACME server; "" where nobody uses ACME."""
        challenge = self._contents.challenge
        return "" if challenge is None else challenge.thumbprint

    @property
    def challenge(self) -> ChallengeRecord | None:
        """The answers of every node to challenges; None where nobody uses ACME."""
        return self._contents.challenge

    @property
    def values(self) -> Values:
        """The records of secrets and files; the definitions in ``services`` have their stamps."""
        return self._contents.values

    def slots(self, service: ServiceName) -> Mapping[int, Slot]:
        """Return the slots of the rollout of a service that are taken, by number."""
        return self._contents.activity.slots.get(service, {})

    def runs(self, service: ServiceName) -> Mapping[int, KnownRun]:
        """Return the runs of a job that are remembered, by number."""
        return self._contents.activity.runs.get(service, {})

    def volumes(self, service: ServiceName) -> Mapping[int, StoredVolumes]:
        """Return where the data of a service's instances is, by number, as far as any has named volumes."""
        return self._contents.volumes.get(service, {})

    @property
    def with_volumes(self) -> AbstractSet[ServiceName]:
        """The services of which an instance has volumes, defined or not."""
        return self._contents.volumes.keys()

    @property
    def with_runs(self) -> AbstractSet[ServiceName]:
        """The services of which a run is remembered, defined or not."""
        return self._contents.activity.runs.keys()

    def rollout(self, service: ServiceName) -> StoppedRollout | None:
        """Return what became of the last rollout of a service, if it did not end well."""
        return self._contents.activity.rollouts.get(service)

    def is_held(self, service: ServiceName) -> bool:
        """Return whether the definition exists but never was readable, so that nothing may be concluded from it."""
        return service not in self.services and self.keys.service(service) in self.broken

    def is_declared(self, service: ServiceName) -> bool:
        """Return whether the definition exists, readable or not."""
        return service in self.services or self.is_held(service)
