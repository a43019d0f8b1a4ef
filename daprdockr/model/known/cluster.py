"""
The cluster as one agent knows it: a mirror of our keys in etcd, kept current change by change.

It has one owner, in the reactor's thread, and refuses to know how changes arrive. Cost of a change: that change.

Note [Only evidence removes]
    A service, claim or node leaves the mirror only by a delete event, or by a listing of the same etcd cluster at a
    revision not older than what the mirror has seen. Any other listing (a foreign cluster id, a smaller revision: etcd
    was wiped, restored, or is another one) raises ``ForeignEtcd`` and changes nothing; whether a list continues the
    history known here is judged before it is taken over (``judge``): Note [No restored history passes] in
    ``continuity``. What became unreadable keeps its last readable form; a definition that never was readable is held as
    broken, which is not absent.

Note [A record without a lease]
    A node's record, a claim and a succession count only under a lease, which ends when their owner does. Without one
    (a copy by ``etcdctl get`` and ``put``, somebody who wrote over a living one) nobody keeps their word: such an
    entry counts as an absent one, whatever it says, but for the key that is taken. It is held as broken and
    ``ownerless``, for ``agent.mirror.ownerless`` to delete.

Note [The identity of an etcd]
    An etcd whose data was lost may come back with the same cluster id (same members, same token), and its revision
    grows past the one remembered. So the first agent writes a random number under ``identity``, and a listing with
    another one, or none, is foreign however its revision stands: the doubt lasts until a person ends it. Only an
    identity seen to be deleted, in etcd's order, makes room for another.

Note [Marks of an unbroken history]
    A watch that broke goes on where it ended, and nothing it tells then shows that the history is still the same. What
    it tells is true all the same, and every deletion evidence; but a mark that another history holds would attest what
    that one never had. So marks are taken over from a list that was judged, and from the watch that followed it until
    it broke, and from nowhere else.

Note [Own writes come twice]
    The agent notes its own successful writes at once, so that the next plan sees them, and they arrive again by the
    watch. Every change is compared with the ``mod_revision`` the key has here, or had when it was deleted; older ones
    are ignored. ``_deleted`` remembers own deletions until the watch has passed them. And a change from before
    ``revision`` is old whatever its key: the answer to an own write, or an old server that repeats itself, may come
    after the key was deleted again, and must not bring it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from attrs import define, evolve, field, frozen

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.known.continuity import contradiction, unexplained
from daprdockr.model.known.layout import Layout
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry, Listing
from daprdockr.model.stored.identity import identity_in, read_identity
from daprdockr.model.stored.keys import CordonKey, IdentityKey, Keys, MarksKey, Named, NodeKey, SuccessorKey
from daprdockr.model.stored.marks import Marks, attested, decode_marks, marks_in
from daprdockr.model.stored.records import ClaimRecord, NodeRecord, asks_to_drain
from daprdockr.model.stored.revisioned import Broken, Claim, Node, Service
from daprdockr.model.wanted.definition import Definition


class ForeignEtcd(DaprdockrError):
    """This etcd is not the one remembered in the state directory; nothing is changed on its word."""


class BrokenHistory(ForeignEtcd):
    """It is that etcd, and its history is another one: it was restored, and cannot become what it was by going on."""


@frozen
class Changes:
    """
    What a change of the mirror touched: services to plan anew, whether nodes did, and what was found broken that was
    not, or not for that reason.
    """

    services: frozenset[ServiceName] = frozenset()
    nodes: bool = False
    broken: tuple[Broken, ...] = ()


T = TypeVar("T")

Held = dict[ServiceName, dict[int, Claim]]
"""Claims by service and instance number."""


@define(eq=False)
class Cluster:
    """The mirror. ``cluster_id`` and ``revision`` are 0 until something was listed or loaded."""

    keys: Keys
    cluster_id: int = 0
    identity: int = 0
    """0: none was written yet."""
    revision: int = 0
    begun: int = 0
    """How often this mirror began anew with another history."""
    superseded: int = 0
    """The largest revision of a history that was given up for another: see ``begin_anew``."""
    marks: Marks = ()
    """See Note [Marks of an unbroken history]."""
    unbroken: bool = False
    """Whether all that came since the last list came by one watch."""
    changed_at: int = 0
    """The revision of the last change of anything but the marks, and of the last one of a definition."""
    defined_at: int = 0
    generation: int = 0
    """Grows with every change of what is held."""
    services: dict[ServiceName, Service] = field(factory=dict)
    nodes: dict[str, Node] = field(factory=dict)
    cordoned: set[str] = field(factory=set)
    """Nodes that take no more instances; those that are also ``draining`` hand over what they have."""
    draining: set[str] = field(factory=set)
    broken: dict[str, Broken] = field(factory=dict)
    layout: Layout = field(init=False)
    _claims: Held = field(factory=dict)
    _successors: Held = field(factory=dict)
    _entries: dict[str, Entry] = field(factory=dict)
    _deleted: dict[str, int] = field(factory=dict)
    _prepared: dict[str, tuple[Entry, Any]] = field(factory=dict)
    """What the values of entries say, or why they say nothing, by key: those that were read in advance."""

    @layout.default
    def _(self) -> Layout:
        return Layout(self.nodes)

    @property
    def entries(self) -> Iterator[Entry]:
        """Everything held, as etcd told it: what the state directory keeps."""
        return iter(self._entries.values())

    @property
    def loads(self) -> Counter[str]:
        """Claims and successions per node."""
        return Counter({node: counts.total() for node, counts in self.layout.placed.items()})

    @property
    def claimed_services(self) -> Iterable[ServiceName]:
        return self._claims.keys() | self._successors.keys()

    def claims(self, service: ServiceName) -> Mapping[int, Claim]:
        """The claims of a service by instance number."""
        return self._claims.get(service, {})

    def successors(self, service: ServiceName) -> Mapping[int, Claim]:
        """Who is to take instances of a service over from their owners, by instance number, in the form of claims."""
        return self._successors.get(service, {})

    def is_held(self, service: ServiceName) -> bool:
        """Whether the definition exists but was never readable, so that nothing may be concluded from it."""
        return service not in self.services and self.keys.service(service) in self.broken

    def is_declared(self, service: ServiceName) -> bool:
        """Whether the definition exists, whether or not it can be read."""
        return service in self.services or self.is_held(service)

    def prepare(self, change: Change) -> None:
        """Read in advance what is going to be taken over: most of the work, which can be done one by one."""
        if not isinstance(change, Entry) or change.omitted or not self._is_news(change):
            return
        parse = _PARSERS.get(type(self._name(change.key)))
        if parse is not None:
            try:
                self._prepared[change.key] = change, parse(change.value)
            except BadInput as error:
                self._prepared[change.key] = change, error

    def replace(self, listing: Listing) -> Changes:
        """Take over a listing. :raises ForeignEtcd: see Note [Only evidence removes]; nothing is changed then."""
        try:
            return self._replace(listing)
        finally:
            self._prepared.clear()

    def judge(self, listing: Listing) -> tuple[Entry, ...]:
        """
        What a list leaves unexplained: it may be taken over unless ``refutation`` says something.

        :raises ForeignEtcd, BrokenHistory: it must not be.
        """
        self._check(listing)
        reason = contradiction(self._entries, self.revision if self.identity else 0, listing, self.keys)
        if reason:
            raise BrokenHistory(reason)
        shown = attested(self.marks, marks_in(listing, self.keys.marks))
        if shown is None:
            raise BrokenHistory(f"this etcd does not hold mark {self.marks[-1].number} of the history known here")
        return unexplained(self._entries, self.revision, shown, listing, self.keys)

    def begin_anew(self, listing: Listing) -> Changes:
        """Take over a list of whatever etcd, with another history than the one known: a person wants it so."""
        found = {entry.key for entry in listing.entries}
        known = self._entries.values()
        gone = [Deleted(e.key, max(e.mod_revision, listing.revision)) for e in known if e.key not in found]
        self.begun += 1
        self.superseded = max(self.superseded, self.revision)
        self.cluster_id, self.revision, self.unbroken = listing.cluster_id, 0, True
        self.changed_at = self.defined_at = 0
        self._deleted.clear()
        over = self._take(gone)
        self._entries.clear()
        self.identity, self.marks = 0, ()
        self.layout.freed.clear()
        anew = self._take(listing.entries)
        self._prepared.clear()
        self._pass(listing.revision)
        return Changes(over.services | anew.services, over.nodes or anew.nodes, anew.broken)

    def _check(self, listing: Listing) -> None:
        if self.cluster_id and listing.cluster_id != self.cluster_id:
            raise ForeignEtcd(
                f"this etcd is another cluster ({listing.cluster_id:x}) than the one known here ({self.cluster_id:x})"
            )
        if self.identity and identity_in(listing, self.keys.identity) != self.identity:
            raise ForeignEtcd("this etcd does not hold the identity known here: its data was lost, or is another's")
        if listing.revision < self.revision:
            raise BrokenHistory(f"this etcd went back from revision {self.revision} to {listing.revision}")

    def _replace(self, listing: Listing) -> Changes:
        self._check(listing)
        found = {entry.key for entry in listing.entries}
        gone = [Deleted(key, listing.revision) for key in self._entries if key not in found]
        self.cluster_id, self.unbroken = listing.cluster_id, True
        changes = self._take((*gone, *listing.entries))
        self._pass(listing.revision)
        return changes

    def apply(self, batch: Batch) -> Changes:
        """Take over one watch response."""
        changes = self._take(self._recent(batch.changes))
        self._prepared.clear()
        self._pass(batch.revision)
        return changes

    def note(self, *own: Change) -> Changes:
        """Take over own writes before the watch tells them: Note [Own writes come twice]."""
        self._deleted.update({change.key: change.mod_revision for change in own if isinstance(change, Deleted)})
        return self._take(self._recent(own))

    def _recent(self, changes: Iterable[Change]) -> list[Change]:
        return [change for change in changes if change.mod_revision >= self.revision]

    def _pass(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        self._deleted = {key: deleted for key, deleted in self._deleted.items() if deleted > self.revision}

    def _take(self, changes: Iterable[Change]) -> Changes:
        services: set[ServiceName] = set()
        nodes = False
        broken = []
        for change in changes:
            name = self._name(change.key) if self._is_news(change) else None
            if name is None or (isinstance(name, MarksKey) and not self.unbroken):
                continue  # it is known; or it belongs to another module, or to a newer agent, and nobody here reads it
            before = self.broken.get(change.key)
            self._hold(change)
            self._note_revision(name, change.mod_revision)
            try:
                self._set(name, change)
            except BadInput as error:
                if isinstance(change, Entry):
                    found = self._hold_broken(change, str(error))
                    if before is None or before.reason != found.reason:
                        broken.append(found)
            nodes = nodes or isinstance(name, NodeKey | CordonKey | IdentityKey)
            match name:
                case ServiceName():
                    services.add(name)
                case InstanceName(service, _) | SuccessorKey(InstanceName(service, _)):
                    services.add(service)
        return Changes(frozenset(services), nodes, tuple(broken))

    def _note_revision(self, name: Named | BadInput, revision: int) -> None:
        if not isinstance(name, MarksKey):
            self.changed_at = max(self.changed_at, revision)
        if isinstance(name, ServiceName):
            self.defined_at = max(self.defined_at, revision)

    def _is_news(self, change: Change) -> bool:
        known = self._entries.get(change.key)
        latest = max(known.mod_revision if known else 0, self._deleted.get(change.key, 0))
        if isinstance(change, Deleted):
            return known is not None and change.mod_revision >= latest
        return change.mod_revision > latest

    def _hold(self, change: Change) -> None:
        """Keep what etcd told, readable or not."""
        self.generation += 1
        self.broken.pop(change.key, None)
        if isinstance(change, Entry):
            self._entries[change.key] = change
        else:
            self._entries.pop(change.key, None)

    def _hold_broken(self, entry: Entry, reason: str) -> Broken:
        if len(entry.value) > MAX_DOCUMENT:  # no value of ours is so long: its key says all that is of use
            self._entries[entry.key] = evolve(entry, value=b"", omitted=reason)
        ownerless = _is_ownerless(self._name(entry.key), entry)
        self.broken[entry.key] = Broken(entry.key, reason, entry.mod_revision, ownerless)
        return self.broken[entry.key]

    def _name(self, key: str) -> Named | BadInput | None:
        try:
            return self.keys.read(key)
        except BadInput as error:
            return error

    def _set(self, name: Named | BadInput, change: Change) -> None:
        """:raises BadInput: what is there cannot be read, or does not count."""
        if isinstance(name, BadInput):
            raise name
        if _is_ownerless(name, change):
            self._set(name, Deleted(change.key, change.mod_revision))
            raise BadInput("it stands under no lease, so it counts for nothing and is deleted")
        if isinstance(change, Entry) and change.omitted:
            raise BadInput(change.omitted)
        match name:
            case IdentityKey() | MarksKey():
                self._set_history(name, change)
            case ServiceName():
                self._set_service(name, change)
            case InstanceName():
                self._set_claim(self._claims, name, change)
            case SuccessorKey(instance):
                self._set_claim(self._successors, instance, change)
            case NodeKey():
                self._set_node(name.node, change)
            case CordonKey():
                self._set_cordon(name.node, change)

    def _read(self, entry: Entry, parse: Callable[[bytes], T]) -> T:
        """What the value says. :raises BadInput: it cannot be read."""
        known, said = self._prepared.get(entry.key, (None, None))
        if known is not entry:
            return parse(entry.value)
        if isinstance(said, BadInput):
            raise said
        return cast(T, said)

    def _set_history(self, name: IdentityKey | MarksKey, change: Change) -> None:
        if isinstance(name, IdentityKey):
            self.identity = read_identity(change)
        else:
            self.marks = decode_marks(change.value) if isinstance(change, Entry) else ()

    def _set_service(self, name: ServiceName, change: Change) -> None:
        if isinstance(change, Deleted):
            self.services.pop(name, None)
            self.layout.undefined(name)
            return
        definition = self._read(change, Definition.parse)
        if definition.name != name:
            raise BadInput(f"the definition calls itself {definition.name}")
        self.services[name] = Service(definition, change.create_revision, change.mod_revision)
        self.layout.defined(name, change.mod_revision)

    def _set_claim(self, held: Held, instance: InstanceName, change: Change) -> None:
        record = self._read(change, ClaimRecord.decode) if isinstance(change, Entry) else None
        claims = held.setdefault(instance.service, {})
        old = claims.pop(instance.number, None)
        if isinstance(change, Entry) and record is not None:
            claims[instance.number] = Claim(instance, record, change.create_revision, change.mod_revision, change.lease)
        elif held is self._claims:
            self.layout.vacated(instance.service, change.mod_revision)
        if not claims:
            del held[instance.service]
        self.layout.recount(instance.service, None if old is None else old.record, record)

    def _set_node(self, name: str, change: Change) -> None:
        if isinstance(change, Entry):
            self.nodes[name] = Node(name, self._read(change, NodeRecord.decode), change.lease, change.create_revision)
        else:
            self.nodes.pop(name, None)
        self.layout.touch(name)

    def _set_cordon(self, node: str, change: Change) -> None:
        """A cordon that cannot be read is one, for somebody wished it: placement must notice before it is refused."""
        self.layout.touch(node)
        self.cordoned.discard(node)
        self.draining.discard(node)
        if isinstance(change, Entry):
            self.cordoned.add(node)
            if asks_to_drain(change.value):
                self.draining.add(node)


_PARSERS: Mapping[type, Callable[[bytes], Any]] = {
    ServiceName: Definition.parse,
    InstanceName: ClaimRecord.decode,
    SuccessorKey: ClaimRecord.decode,
    NodeKey: NodeRecord.decode,
}


def _is_ownerless(name: Named | BadInput | None, change: Change) -> bool:
    """See Note [A record without a lease]."""
    return isinstance(change, Entry) and not change.lease and isinstance(name, InstanceName | SuccessorKey | NodeKey)
