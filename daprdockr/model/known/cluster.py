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

from collections.abc import Iterable

from attrs import define

from daprdockr.model.errors import BadInput
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.contents import is_ownerless, is_progress
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry, Listing
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
from daprdockr.model.stored.revisioned import Broken
from daprdockr.model.stored.volume import VolumeKey


@define(eq=False)
class Cluster(ClusterView):
    """The mirror: what ``ClusterView`` shows, and how it changes."""

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
