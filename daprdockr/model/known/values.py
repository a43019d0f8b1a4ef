# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
The records of secrets and files, and the services that use them.

A definition depends on the stamps of what it names: with another stamp it is another definition, though nobody stored
one.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from attrs import define, evolve, field

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Change, Entry
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.mirrored_keys import FileKey, SecretKey
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import with_stamps
from daprdockr.model.wanted.secrets import stamped

ValueKey = SecretKey | FileKey


@define(eq=False)
class Values:
    """The records by name."""

    secrets: dict[str, SecretRecord] = field(factory=dict)
    files: dict[str, FileRecord] = field(factory=dict)
    _users: dict[ValueKey, set[ServiceName]] = field(factory=dict)
    """By what their definitions name; no set is empty."""

    def has(self, key: ValueKey, stamp: str = "") -> bool:
        """
        Return whether it is set.

        :param stamp: the digest that the content of a file has to have; "" if any will do.
        """
        if isinstance(key, SecretKey):
            return key.name in self.secrets
        record = self.files.get(key.name)
        return record is not None and stamp in ("", record.stamp)

    def users(self, key: ValueKey) -> AbstractSet[ServiceName]:
        """Return the services whose definitions name it."""
        return self._users.get(key, frozenset())

    def used(self, name: ServiceName, before: Definition | None, after: Definition | None) -> None:
        """Take note of what a service uses, whose definition is changed."""
        for key in named(before):
            self._users[key].discard(name)
            if not self._users[key]:
                del self._users[key]
        for key in named(after):
            self._users.setdefault(key, set()).add(name)

    def stamped(self, definition: Definition) -> Definition:
        """Return the definition with the stamps of what it uses."""
        if not (definition.secrets or definition.files):
            return definition
        sealed = {use.name: self.secrets[use.name] for use in definition.secrets if use.name in self.secrets}
        plain = {use.name: self.files[use.name].stamp for use in definition.files if use.name in self.files}
        secrets = stamped(definition.secrets, {name: (one.stamp, one.key) for name, one in sealed.items()})
        return evolve(definition, secrets=secrets, files=with_stamps(definition.files, plain))

    def set(self, key: ValueKey, change: Change) -> None:
        """Take over a record. :raises BadInput: it cannot be read."""
        match key, change:
            case SecretKey(name), Entry():
                self.secrets[name] = SecretRecord.decode(change.value)
            case FileKey(name), Entry():
                self.files[name] = FileRecord.decode(change.value)
            case SecretKey(name), _:
                self.secrets.pop(name, None)
            case FileKey(name), _:
                self.files.pop(name, None)


def named(definition: Definition | None) -> Iterable[ValueKey]:
    """Return the keys of what a definition uses, each once."""
    if definition is None:
        return ()
    secrets = (SecretKey(use.name) for use in definition.secrets)
    return {*secrets, *(FileKey(use.name) for use in definition.files if use.content is None)}
