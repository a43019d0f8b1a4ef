"""
The history of a service: the last definitions that were stored of it, numbered, below ``Keys.history``.

Note [A definition and its revision]
    A definition is stored with its revision, in one transaction (``Revisions.storing``), which compares the mod
    revision of the definition and that the revision's key does not exist. So two writers never write the same number,
    and no definition is in force that has no revision; but for one that an older version or another program stored. If
    that one is replaced, it is stored as a revision too, so that it can be brought back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, decode_members, encode_members
from daprdockr.model.names import ServiceName
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import Absent, Condition, Delete, Entry, Operation, Put, Unchanged
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition

KEPT = 10
"""How many revisions of a service are kept."""

_MOST_LEFT = 2 * MAX_DOCUMENT
"""How many bytes of revisions are left when a service is deleted: etcd limits the size of a transaction to 1.5 MiB."""

_MOST_DELETED = 64
"""How many keys one transaction deletes: etcd limits its operations to 128."""

_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@frozen
class RevisionRecord:
    """
    A definition that was stored at ``time`` (wall-clock seconds) by ``by``, a sentence's end such as "anna@host" or
    "revert by node a"; ``good`` says that the service was healthy as a whole with it. Time 0: it is not known when.
    """

    definition: Definition
    time: float = 0.0
    by: str = ""
    good: bool = False

    @property
    def digest(self) -> str:
        return self.definition.digest

    @classmethod
    def decode(cls, data: bytes) -> RevisionRecord:
        """:raises BadInput: if ``data`` is not a revision's record, or its definition cannot be used here."""
        return cls(**decode_members(data, _MEMBERS, required=("Definition",)))

    def encode(self) -> bytes:
        """
        Return the bytes to store. The digest is in them for people and programs; ``decode`` computes it.

        :raises BadInput: they are more than are read again.
        """
        members = {"Definition": self.definition.write(), "Digest": self.digest, "Time": self.time, "By": self.by}
        value = encode_members(members | {"Good": self.good})
        if len(value) > MAX_DOCUMENT:
            more = len(value) - MAX_DOCUMENT
            raise BadInput(f"the definition of {self.definition.name} is too large: make it {more} bytes smaller")
        return value


@frozen
class Revision:
    """A revision as stored: its number, and the mod revision and the lease (0: none) of its key in etcd."""

    number: int
    record: RevisionRecord
    modified: int
    lease: int = 0


@frozen
class Revisions:
    """
    The revisions of one service that can be read, oldest first, and the numbers of all that exist, in the same order.
    The ``marked`` one is good here, and not in etcd yet (0: none).
    """

    service: ServiceName
    revisions: tuple[Revision, ...] = ()
    numbers: tuple[int, ...] = ()
    marked: int = 0

    @classmethod
    def read(cls, keys: Keys, service: ServiceName, entries: Iterable[Entry]) -> Revisions:
        """
        Return the history in a list of ``keys.history(service)``. A revision that cannot be read, such as one of a
        newer version, is left out, but for its number.
        """
        place = keys.history(service)
        texts = [(entry.key.removeprefix(place), entry) for entry in entries if entry.key.startswith(place)]
        numbered = sorted((int(text), entry) for text, entry in texts if _NUMBER.fullmatch(text))
        found = (_revision(service, number, entry) for number, entry in numbered)
        return cls(service, tuple(one for one in found if one is not None), tuple(number for number, _ in numbered))

    @property
    def newest(self) -> Revision | None:
        return self.revisions[-1] if self.revisions else None

    def find(self, number: int) -> Revision | None:
        return next((one for one in self.revisions if one.number == number), None)

    def newest_good(self, *, unlike: Definition | None) -> Revision | None:
        """Return the newest revision with which the service was healthy, of another definition than ``unlike``."""
        stated = unlike.stated if unlike is not None else None
        good = (one for one in reversed(self.revisions) if one.record.good and one.record.definition != stated)
        return next(good, None)

    def newest_of(self, definition: Definition | None) -> Revision | None:
        """Return the newest revision that is this definition, as stored or as the mirror has it."""
        stated = definition.stated if definition is not None else None
        return next((one for one in reversed(self.revisions) if one.record.definition == stated), None)

    def with_newest_good(self) -> Revisions:
        """Return them with the newest one marked: the next transaction writes that mark too."""
        if self.newest is None or self.newest.record.good:
            return self
        newest = evolve(self.newest, record=evolve(self.newest.record, good=True))
        return evolve(self, revisions=(*self.revisions[:-1], newest), marked=newest.number)

    def storing(
        self, keys: Keys, record: RevisionRecord, revision: int, present: RevisionRecord | None = None
    ) -> tuple[tuple[Condition, ...], tuple[Operation, ...]]:
        """
        Return the transaction that puts a definition in force, as one more revision. See Note [A definition and its
        revision].

        :param revision: the mod revision of the definition that is replaced, 0 for none.
        :param present: that definition, to be stored as well if the newest revision is another one.
        """
        added = [record]
        if present is not None and not self.ends_with(present.definition):
            added.insert(0, present)
        new = dict(enumerate(added, self._next))
        kept, gone = self._kept(KEPT - len(new))
        rewritten = [one for one in kept if one.lease or one.number == self.marked]
        conditions = [Unchanged(keys.service(self.service), revision)]
        operations: list[Operation] = [Put(keys.service(self.service), record.definition.encode())]
        operations += (Put(keys.revision(self.service, number), one.encode()) for number, one in new.items())
        operations += (Put(keys.revision(self.service, one.number), one.record.encode()) for one in rewritten)
        operations += (Delete(keys.revision(self.service, number)) for number in gone[:_MOST_DELETED])
        absent = (Absent(keys.revision(self.service, number)) for number in new)
        unchanged = (Unchanged(keys.revision(self.service, one.number), one.modified) for one in rewritten)
        return (*conditions, *absent, *unchanged), tuple(operations)

    def deleting(
        self, keys: Keys, revision: int, lease: int, present: RevisionRecord | None = None
    ) -> tuple[tuple[Condition, ...], tuple[Operation, ...]]:
        """
        Return the transaction that deletes a definition, and lets its history end with a lease.

        :param revision, present: as for ``storing``.
        """
        conditions: list[Condition] = [Unchanged(keys.service(self.service), revision)]
        operations: list[Operation] = [Delete(keys.service(self.service))]
        room, kept = _MOST_LEFT, set()
        if present is not None and not self.ends_with(present.definition):
            number = self._next
            conditions.append(Absent(keys.revision(self.service, number)))
            operations.append(Put(keys.revision(self.service, number), present.encode(), lease))
        for one in reversed(self.revisions):
            key, value = keys.revision(self.service, one.number), one.record.encode()
            room -= len(value)
            if room >= 0:
                kept.add(one.number)
                conditions.append(Unchanged(key, one.modified))
                operations.append(Put(key, value, lease))
        gone = [number for number in self.numbers if number not in kept][:_MOST_DELETED]
        operations += (Delete(keys.revision(self.service, number)) for number in gone)
        return tuple(conditions), tuple(operations)

    def ends_with(self, definition: Definition) -> bool:
        """Return whether the newest revision is this definition."""
        return self.newest is not None and self.newest.record.definition == definition.stated

    @property
    def _next(self) -> int:
        return self.numbers[-1] + 1 if self.numbers else 1

    def _kept(self, most: int) -> tuple[list[Revision], list[int]]:
        """
        Return the revisions to keep, and the numbers of the others.

        The newest are kept, and the newest good one even if it is older: a service that does not come up goes back to
        it.
        """
        kept = list(self.numbers[-most:])
        good = next((one.number for one in reversed(self.revisions) if one.record.good), None)
        if good is not None and good not in kept:
            kept[0] = good
        return [one for one in self.revisions if one.number in kept], [n for n in self.numbers if n not in kept]


def _revision(service: ServiceName, number: int, entry: Entry) -> Revision | None:
    try:
        record = RevisionRecord.decode(entry.value)
    except BadInput:
        return None
    return Revision(number, record, entry.mod_revision, entry.lease) if record.definition.name == service else None


def _definition(value: object, path: str) -> Definition:
    return Definition.read(value)


_MEMBERS: Members = {
    "Definition": ("definition", _definition),
    "Time": ("time", reading.moment),
    "By": ("by", reading.author),
    "Good": ("good", reading.boolean),
}
