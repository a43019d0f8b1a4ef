"""
The cluster as one agent knows it: a mirror of our keys in etcd, kept current change by change.

It belongs to the reactor's thread, and refuses to know how changes arrive. A change costs what it touches, whatever the
size of the cluster. ``held`` keeps the entries as they were reported, ``contents`` their values, and ``history`` the
etcd that they come from.

Note [Only evidence removes]
    A service, claim or node leaves the mirror only by a delete event, or by a listing of the same etcd cluster at a
    revision not older than what the mirror has seen. Any other listing (a foreign cluster id, a smaller revision: etcd
    was wiped, restored, or is another one) raises ``ForeignEtcd`` and changes nothing; whether a list continues the
    history known here is judged before it is taken over (``judge``): Note [No restored history passes] in
    ``continuity``. A value that became unreadable keeps its last readable form, but for Note [A tie that cannot be
    read] in ``contents``; a definition that never was readable is held as broken, which does not mean absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from attrs import define, field

from daprdockr.model.errors import BadInput
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.contents import Contents, is_ownerless, is_progress
from daprdockr.model.known.held import HeldEntries
from daprdockr.model.known.history import History
from daprdockr.model.known.layout import Layout
from daprdockr.model.known.values import Values
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.certificate import CertificateRecord
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry, Listing
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import (
    CertificateKey,
    CordonKey,
    FileKey,
    IdentityKey,
    MarksKey,
    Named,
    NodeKey,
    PauseKey,
    RolloutKey,
    RunKey,
    SecretKey,
    SlotKey,
    SuccessorKey,
)
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
from daprdockr.model.stored.volume import VolumeKey


@define(eq=False)
class Cluster:
    """The mirror."""

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
    def services(self) -> dict[ServiceName, Service]:
        return self._contents.services

    @property
    def nodes(self) -> dict[str, Node]:
        return self._contents.nodes

    @property
    def cordoned(self) -> set[str]:
        """The nodes that take no more instances."""
        return self._contents.cordoned

    @property
    def draining(self) -> set[str]:
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

    def prepare(self, change: Change) -> None:
        """Read in advance what is going to be taken over: most of the work, which can be done entry by entry."""
        if isinstance(change, Entry) and not change.omitted and self.held.is_news(change):
            self._contents.prepare(self._name(change.key), change)

    def judge(self, listing: Listing) -> tuple[Entry, ...]:
        """
        Return what a list leaves unexplained; it may be taken over unless ``continuity.refutation`` finds a reason.

        :raises ForeignEtcd, BrokenHistory: the list must not be taken over.
        """
        return self.history.judge(self.held.by_key, listing, self.keys)

    def replace(self, listing: Listing) -> Changes:
        """Take over a listing. :raises ForeignEtcd: see Note [Only evidence removes]; nothing is changed then."""
        try:
            self.history.check(listing, self.keys)
            gone = [Deleted(entry.key, listing.revision) for entry in self.held.absent_from(listing.entries)]
            self.history.continue_with(listing)
            changes = self._take((*gone, *listing.entries))
            self._pass(listing.revision)
            return changes
        finally:
            self._contents.discard_prepared()

    def begin_anew(self, listing: Listing) -> Changes:
        """Take over a list of any etcd, with another history than the one known, because a person wants it."""
        absent = self.held.absent_from(listing.entries)
        self.history.begin_anew(listing)
        ended = self._take(Deleted(e.key, max(e.mod_revision, listing.revision)) for e in absent)
        self.held.clear()
        self.layout.freed.clear()
        begun = self._take(listing.entries)
        self._contents.discard_prepared()
        self._pass(listing.revision)
        return Changes(
            services=ended.services | begun.services,
            nodes=ended.nodes or begun.nodes,
            broken=begun.broken,
            progress=begun.progress,
            certificates=ended.certificates or begun.certificates,
        )

    def apply(self, batch: Batch) -> Changes:
        """Take over one watch response."""
        changes = self._take(self._recent(batch.changes))
        self._contents.discard_prepared()
        self._pass(batch.revision)
        return changes

    def note(self, *own: Change) -> Changes:
        """Take over own writes before the watch reports them: Note [Own writes come twice] in ``held``."""
        self.held.note_deletions(own)
        return self._take(self._recent(own))

    def _recent(self, changes: Iterable[Change]) -> list[Change]:
        return [change for change in changes if change.mod_revision >= self.revision]

    def _pass(self, revision: int) -> None:
        self.history.revision = max(self.revision, revision)
        self.held.forget_deletions(self.revision)

    def _take(self, changes: Iterable[Change]) -> Changes:
        services: set[ServiceName] = set()
        nodes = progress = certificates = False
        broken = []
        for change in changes:
            if isinstance(change, Deleted) and change.key.startswith(self.keys.services):
                self.history.note_end(change)
            name = self._name(change.key) if self.held.is_news(change) else None
            if name is None or (isinstance(name, MarksKey) and not self.history.unbroken):
                continue  # it is known; or the key belongs to another module, or to a newer agent
            before = self.broken.get(change.key)
            node = self.nodes.get(name.node) if isinstance(name, NodeKey) else None
            self.generation += 1
            self.broken.pop(change.key, None)
            self.held.hold(change)
            self.history.note_write(name, change.mod_revision)
            latest = self._set_or_hold(name, change)
            if latest is not None and (before is None or before.reason != latest.reason):
                broken.append(latest)
            if isinstance(name, NodeKey) and is_progress(node, self.nodes.get(name.node)):
                progress = True
            elif isinstance(name, NodeKey | CordonKey | IdentityKey):
                nodes = True
            elif isinstance(name, CertificateKey):
                certificates = True
            services.update(self._concerned(name))
        return Changes(frozenset(services), nodes, tuple(broken), progress, certificates)

    def _concerned(self, name: Named | BadInput) -> Iterable[ServiceName]:
        """Return the services to plan again when this changed."""
        match name:
            case ServiceName():
                return (name,)
            case PauseKey(service) | RolloutKey(service) | SlotKey(service, _) | RunKey(service, _):
                return (service,)
            case SecretKey() | FileKey():
                return self.values.users(name)
            case (
                InstanceName(service, _) | SuccessorKey(InstanceName(service, _)) | VolumeKey(InstanceName(service, _))
            ):
                return (service,)
        return ()

    def _set_or_hold(self, name: Named | BadInput, change: Change) -> Broken | None:
        """Take over a value; return it as broken if it cannot be read, or does not count."""
        try:
            self._set(name, change)
        except BadInput as error:
            return self._hold_broken(change, str(error)) if isinstance(change, Entry) else None
        return None

    def _hold_broken(self, entry: Entry, reason: str) -> Broken:
        if len(entry.value) > MAX_DOCUMENT:  # no value of ours is so long: only its key is of any use
            self.held.drop_value(entry, reason)
        ownerless = is_ownerless(self._name(entry.key), entry)
        self.broken[entry.key] = Broken(entry.key, reason, entry.mod_revision, ownerless)
        return self.broken[entry.key]

    def _name(self, key: str) -> Named | BadInput | None:
        try:
            return self.keys.read(key)
        except BadInput as error:
            return error

    def _set(self, name: Named | BadInput, change: Change) -> None:
        """:raises BadInput: if the value cannot be read, or does not count."""
        if isinstance(name, BadInput):
            raise name
        if isinstance(name, IdentityKey | MarksKey):
            self.history.set(name, change)
        else:
            self._contents.set(name, change)
