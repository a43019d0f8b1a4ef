# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
The values of the mirror's entries, each in its last readable form: definitions, claims, nodes, cordons, pauses, what
keeps the data of instances, and certificates. ``activity`` keeps slots, runs and the ends of rollouts, and ``values``
the records of secrets and files.

Refuses to know where an entry came from, and whether it is news: ``cluster`` decides that.

Note [A record without a lease]
    A node's record, a claim, a succession and a slot count only under a lease, which ends when their owner does.
    Without one (copied by ``etcdctl get`` and ``put``, or written over a living one) nobody stands behind the record:
    the entry counts as absent, whatever it says, but its key is taken. It is held as broken and ``ownerless``, for
    ``agent.mirror.ownerless`` to delete.

Note [A tie that cannot be read]
    Other values that became unreadable keep their last readable form. The record of which node has the data of an
    instance does not: agents that began later never saw that form, and may not disagree with the others about it. It
    says for all of them that the data is on an unknown node, with the revision that is compared when it is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from attrs import define, evolve, field

from daprdockr.model.errors import BadInput
from daprdockr.model.known.activity import Activity
from daprdockr.model.known.layout import Layout
from daprdockr.model.known.numbered import Numbered, put
from daprdockr.model.known.values import ValueKey, Values
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.certificate import CertificateRecord
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.cordon import asks_to_drain
from daprdockr.model.stored.entries import Change, Deleted, Entry
from daprdockr.model.stored.mirrored_keys import (
    CertificateKey,
    ChallengeKey,
    CordonKey,
    FileKey,
    NodeKey,
    PauseKey,
    RolloutKey,
    RunKey,
    SecretKey,
    SlotKey,
    SuccessorKey,
)
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.stored.renewal import ChallengeRecord
from daprdockr.model.stored.revisioned import Claim, Node, Service, StoredVolumes
from daprdockr.model.stored.run import RunRecord
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.stored.volume import UNREADABLE, VolumeKey, VolumeRecord
from daprdockr.model.wanted.definition import Definition

T = TypeVar("T")


@define(eq=False)
class Contents:
    """The values by name, and the layout that follows from them."""

    services: dict[ServiceName, Service] = field(factory=dict)
    nodes: dict[str, Node] = field(factory=dict)
    cordoned: set[str] = field(factory=set)
    """Nodes that take no more instances; those that are also ``draining`` hand over the ones they have."""
    draining: set[str] = field(factory=set)
    pauses: dict[ServiceName, PauseRecord] = field(factory=dict)
    claims: Numbered[Claim] = field(factory=dict)
    successors: Numbered[Claim] = field(factory=dict)
    dependents: dict[ServiceName, set[ServiceName]] = field(factory=dict)
    """By the service that they name in ``After``; no set is empty."""
    activity: Activity = field(factory=Activity)
    volumes: Numbered[StoredVolumes] = field(factory=dict)
    values: Values = field(factory=Values)
    certificates: dict[str, CertificateRecord] = field(factory=dict)
    """By the host name that each is stored under."""
    challenge: ChallengeRecord | None = None
    """The answer of every node to challenges; None where nobody uses ACME."""
    layout: Layout = field(init=False)
    _prepared: dict[str, tuple[Entry, object]] = field(factory=dict)
    """By key: an entry that was read in advance, and its value, or the ``BadInput`` that reading it raised."""

    @layout.default
    def _(self) -> Layout:
        return Layout(self.nodes)

    def prepare(self, name: object, entry: Entry) -> None:
        """Read an entry in advance of ``set``."""
        parse = _PARSERS.get(type(name))
        if parse is not None:
            try:
                self._prepared[entry.key] = entry, parse(entry.value)
            except BadInput as error:
                self._prepared[entry.key] = entry, error

    def discard_prepared(self) -> None:
        """Forget what was read in advance."""
        self._prepared.clear()

    def set(self, name: object, change: Change) -> None:
        """
        Take over a change of what is called ``name``.

        :raises BadInput: if the value cannot be read, or does not count. One that cannot be read leaves the last
            readable value in place; a record without a lease removes it.
        """
        if is_ownerless(name, change):
            self._set(name, Deleted(change.key, change.mod_revision))
            raise BadInput("it stands under no lease, so it counts for nothing and is deleted")
        if isinstance(name, VolumeKey):
            self._set_volumes(name.instance, change)
            return
        if isinstance(change, Entry) and change.omitted:
            raise BadInput(change.omitted)
        self._set(name, change)

    def _set(self, name: object, change: Change) -> None:
        match name:
            case ServiceName():
                self._set_service(name, change)
            case InstanceName():
                self._set_claim(self.claims, name, change)
            case SuccessorKey(instance):
                self._set_claim(self.successors, instance, change)
            case SlotKey() | RunKey() | RolloutKey():
                self.activity.set(name, change, self._read)
            case NodeKey():
                self._set_node(name.node, change)
            case CordonKey():
                self._set_cordon(name.node, change)
            case PauseKey():
                self._set_pause(name.service, change)
            case SecretKey() | FileKey() | CertificateKey() | ChallengeKey():
                self._set_record(name, change)

    def _read(self, entry: Entry, parse: Callable[[bytes], T]) -> T:
        """Parse a value, unless that was done in advance. :raises BadInput: if it cannot be read."""
        prepared, value = self._prepared.get(entry.key, (None, None))
        if prepared is not entry:
            return parse(entry.value)
        if isinstance(value, BadInput):
            raise value
        return cast(T, value)

    def _set_service(self, name: ServiceName, change: Change) -> None:
        if isinstance(change, Deleted):
            self._set_after(name, ())
            before = self.services.pop(name, None)
            self.values.used(name, before.definition if before is not None else None, None)
            self.layout.undefined(name)
            return
        definition = self._read(change, Definition.parse)
        if definition.name != name:
            raise BadInput(f"the definition calls itself {definition.name}")
        self._set_after(name, definition.after)
        former = self.services.get(name)
        self.values.used(name, former.definition if former is not None else None, definition)
        self.services[name] = Service(self.values.stamped(definition), change.create_revision, change.mod_revision)
        self.layout.defined(name, change.mod_revision)

    def _set_after(self, name: ServiceName, after: Iterable[ServiceName]) -> None:
        """Take note of the services that this one waits for, before its definition is changed."""
        before = self.services.get(name)
        for one in before.definition.after if before is not None else ():
            self.dependents[one].discard(name)
            if not self.dependents[one]:
                del self.dependents[one]
        for one in after:
            self.dependents.setdefault(one, set()).add(name)

    def _set_record(self, key: ValueKey | CertificateKey | ChallengeKey, change: Change) -> None:
        """Take over a record; services that use the secret or the file depend on its stamp."""
        if isinstance(key, ChallengeKey):
            self.challenge = ChallengeRecord.decode(change.value) if isinstance(change, Entry) else None
        elif not isinstance(key, CertificateKey):
            self._set_value(key, change)
        elif isinstance(change, Entry):
            self.certificates[key.name] = CertificateRecord.decode(change.value)
        else:
            self.certificates.pop(key.name, None)

    def _set_value(self, key: ValueKey, change: Change) -> None:
        self.values.set(key, change)
        for user in self.values.users(key):
            service = self.services[user]
            self.services[user] = evolve(service, definition=self.values.stamped(service.definition))

    def _set_claim(self, claims: Numbered[Claim], instance: InstanceName, change: Change) -> None:
        record = self._read(change, ClaimRecord.decode) if isinstance(change, Entry) else None
        claim = None
        if isinstance(change, Entry) and record is not None:
            claim = Claim(instance, record, change.create_revision, change.mod_revision, change.lease)
        elif claims is self.claims:
            self.layout.vacated(instance.service, change.mod_revision)
        old = put(claims, instance.service, instance.number, claim)
        self.layout.recount(instance.service, None if old is None else old.record, record)

    def _set_volumes(self, instance: InstanceName, change: Change) -> None:
        """See Note [A tie that cannot be read]."""
        self.layout.tied()
        if isinstance(change, Deleted):
            put(self.volumes, instance.service, instance.number, None)
            return
        put(self.volumes, instance.service, instance.number, StoredVolumes(UNREADABLE, change.mod_revision))
        if change.omitted:
            raise BadInput(change.omitted)
        record = StoredVolumes(VolumeRecord.decode(change.value), change.mod_revision)
        put(self.volumes, instance.service, instance.number, record)

    def _set_node(self, name: str, change: Change) -> None:
        before = self.nodes.get(name)
        if isinstance(change, Entry):
            self.nodes[name] = Node(name, self._read(change, NodeRecord.decode), change.lease, change.create_revision)
        else:
            self.nodes.pop(name, None)
        if not is_progress(before, self.nodes.get(name)):
            self.layout.touch(name)

    def _set_cordon(self, node: str, change: Change) -> None:
        """
        Cordon a node even if the value cannot be read, because somebody wants it cordoned: placement must notice before
        the value is refused.
        """
        self.layout.touch(node)
        self.cordoned.discard(node)
        self.draining.discard(node)
        if isinstance(change, Entry):
            self.cordoned.add(node)
            if asks_to_drain(change.value):
                self.draining.add(node)

    def _set_pause(self, service: ServiceName, change: Change) -> None:
        """
        Pause a service even if the value cannot be read, because somebody wants it paused: its requests wait, unless
        the last readable value says something else.
        """
        if isinstance(change, Deleted):
            self.pauses.pop(service, None)
            return
        self.pauses.setdefault(service, PauseRecord())
        self.pauses[service] = PauseRecord.decode(change.value)


_PARSERS: Mapping[type, Callable[[bytes], Any]] = {
    ServiceName: Definition.parse,
    InstanceName: ClaimRecord.decode,
    SuccessorKey: ClaimRecord.decode,
    SlotKey: SlotRecord.decode,
    RunKey: RunRecord.decode,
    NodeKey: NodeRecord.decode,
}


def is_progress(before: Node | None, after: Node | None) -> bool:
    """Return whether all that changed of a node is how far it is: placement need not know."""
    if before is None or after is None:
        return False
    return before != after and before == evolve(after, record=evolve(after.record, progress=before.record.progress))


def is_ownerless(name: object, change: Change) -> bool:
    """See Note [A record without a lease]."""
    leased = InstanceName | SuccessorKey | SlotKey | NodeKey
    return isinstance(change, Entry) and not change.lease and isinstance(name, leased)
