# -*- test-case-name: tests.unit.cli.commands.test_set,tests.unit.cli.commands.test_delete -*-
"""
Reading a stored definition, and changing what one key holds, of whatever kind.

Note [Reading back]
    A write is guarded by the revision that was read, so two people never overwrite each other unseen: the one whose
    write is refused reads again and merges anew. When the answer to a write is lost, it is unknown whether it happened;
    reading again shows it, because what is stored already is not written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from attrs import evolve

from daprdockr.cli.absent import NoSuchService
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdUnavailable
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Delete, Entry, Operation, Unchanged
from daprdockr.model.wanted.definition import Definition

ATTEMPTS = 8
"""So often somebody else may have changed the key in between, or an answer be lost."""

T = TypeVar("T")

Transaction = tuple[Sequence[Condition], Sequence[Operation]]


def unchanged(key: str, entry: Entry | None) -> Unchanged:
    """Return the condition that a key is as it was read; None: it was absent."""
    return Unchanged(key, entry.mod_revision if entry is not None else 0)


def parse(entry: Entry, service: ServiceName) -> Definition:
    """Return the stored definition. :raises BadInput: it cannot be used; the text says how to get past it."""
    try:
        definition = Definition.parse(entry.value)
    except BadInput as error:
        raise BadInput(f"the stored definition of {service} is not usable ({error}): use -stdin or -del") from None
    if definition.name != service:
        raise BadInput(f"the stored definition of {service} calls itself {definition.name}: use -stdin or -del")
    return definition


def readable(entry: Entry | None, service: ServiceName) -> Definition | None:
    """Return the stored definition; None if there is none, or not one that can be used."""
    with suppress(BadInput):
        return parse(entry, service) if entry is not None else None
    return None


def as_restarted(given: Definition, stored: Definition | None) -> Definition:
    """
    Return the definition with the ``Restarted`` of the stored one, unless it has its own: it is the command ``restart``
    that sets it, so a person's file lacks it, and storing that file again must not replace containers.
    """
    return given if given.restarted or stored is None else evolve(given, restarted=stored.restarted)


def decoded(entry: Entry | None, decode: Callable[[bytes], T]) -> T | None:
    """Return what an entry holds; None if there is none, or one that this version cannot read."""
    with suppress(BadInput):
        return None if entry is None else decode(entry.value)
    return None


def decoded_below(store: Store, place: str, decode: Callable[[bytes], T]) -> dict[str, T | None]:
    """Return what the entries below a place hold, by name; None is one that this version cannot read."""
    return {entry.key.removeprefix(place): decoded(entry, decode) for entry in store.list(place).entries}


def existing(entry: Entry | None, service: ServiceName) -> Definition:
    """
    Return the stored definition of a service that has to exist.

    :raises NoSuchService: it does not.
    :raises BadInput: as ``parse``.
    """
    if entry is None:
        raise NoSuchService(service)
    return parse(entry, service)


def change(store: Store, key: str, decide: Callable[[Entry | None], Transaction | None]) -> None:
    """
    Commit the transaction that ``decide`` returns for the key's entry; None is nothing to do. See Note [Reading back].
    """
    lost: EtcdUnavailable | None = None
    for _ in range(ATTEMPTS):
        transaction = decide(store.get(key))
        if transaction is None:
            return
        try:
            if store.commit(*transaction).succeeded:
                return
        except EtcdUnavailable as error:
            lost = error
    raise lost or DaprdockrError(f"others keep changing {key}, {ATTEMPTS} attempts were in vain: try again")


def delete_both(store: Store, record: str, value: str) -> bool:
    """Delete the key of a record and that of its value at once; return whether the record was there."""
    found = False

    def transaction(entry: Entry | None) -> Transaction | None:
        nonlocal found
        if entry is None:
            return None
        found = True
        return (unchanged(record, entry),), (Delete(record), Delete(value))

    change(store, record, transaction)
    return found
