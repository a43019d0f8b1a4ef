# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""The contents of etcd, as values: entries, lists, changes, and conditional commits."""

from __future__ import annotations

from attrs import frozen

Prefixes = str | tuple[str, ...]
"""One prefix of keys, or several, as ``str.startswith`` takes them."""


@frozen
class Entry:
    """
    One key with its value. ``lease`` is 0 for a key without one. ``omitted``, unless "", says why ``value`` is b"" and
    not the value in etcd.
    """

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    lease: int = 0
    omitted: str = ""


@frozen
class Deleted:
    """The key was deleted (or its lease ended) at ``mod_revision``."""

    key: str
    mod_revision: int


Change = Entry | Deleted


@frozen
class Listing:
    """All entries below one or more prefixes at one revision of one etcd cluster, in the order of the prefixes."""

    cluster_id: int
    revision: int
    entries: tuple[Entry, ...]


@frozen
class Batch:
    """The changes of one watch response; the watch has reported everything up to ``revision``."""

    cluster_id: int
    revision: int
    changes: tuple[Change, ...]


@frozen
class Absent:
    """Condition: the key does not exist."""

    key: str


@frozen
class Fence:
    """Condition: the key still is the one created at ``create_revision``, under ``lease`` (0: not compared)."""

    key: str
    create_revision: int
    lease: int = 0


@frozen
class Unchanged:
    """Condition: the key was last written at ``mod_revision`` (0: it does not exist)."""

    key: str
    mod_revision: int


Condition = Absent | Fence | Unchanged


@frozen
class Put:
    """Operation: write the key, under ``lease`` unless that is 0."""

    key: str
    value: bytes
    lease: int = 0


@frozen
class Delete:
    """Operation: delete the key."""

    key: str


Operation = Put | Delete


def trial(*keys: str) -> tuple[tuple[Condition, ...], tuple[Operation, ...]]:
    """
    Return conditions and operations of a commit that changes nothing, and is refused if a commit that writes these keys
    would be.

    etcd checks permissions and room for both outcomes of a transaction before it checks the conditions.
    """
    return (Unchanged(keys[0], NEVER),), tuple(Put(key, b"") for key in keys)


NEVER = 2**62
"""A revision that no key of any etcd has."""


@frozen
class Commit:
    """The outcome of a conditional commit: whether the conditions held, and the revision after it."""

    succeeded: bool
    revision: int


@frozen
class Lease:
    """A granted lease; ``ttl`` in seconds is etcd's own, which may be longer than what was asked for."""

    id: int
    ttl: int
