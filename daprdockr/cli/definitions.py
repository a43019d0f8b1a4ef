# -*- test-case-name: tests.unit.cli.commands.test_set,tests.unit.cli.commands.test_delete -*-
"""
Putting a definition in force, with its revision, and deleting one: the one way of all commands that do.

Note [What is left of a deleted service]
    Its revisions stay for ``LEFT`` seconds, under a lease that nobody renews, so that ``rollback`` brings the service
    back, and histories of services that nobody remembers do not fill etcd. An etcd that takes no writes may still
    delete: then the revisions stay as they are.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve, field, frozen

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.request import Request
from daprdockr.cli.stored import Transaction, change, parse, readable
from daprdockr.model.errors import BadInput, EtcdReadOnly
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName, one_line
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Entry, Operation, Unchanged
from daprdockr.model.stored.history import RevisionRecord, Revisions
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.instances import unmet

LEFT = 30 * 86400


@frozen
class Definitions:
    """
    :ivar wall: wall-clock seconds.
    :ivar stored: the definitions that were put in force, or were so before.
    """

    request: Request
    store: Store
    wall: Callable[[], float]
    stored: list[Definition] = field(factory=list)

    def put(self, service: ServiceName, decide: Callable[[Entry | None], Definition], how: str = "") -> Definition:
        """
        Put in force what ``decide`` returns for the stored entry, unless it is in force, and return it.

        :param how: what the command did, as in "rollback to 3", unless the definition itself was given.
        """
        key, by = self.request.keys.service(service), author(self.request)
        by = f"{how} by {by}" if how else by
        wanted: Definition | None = None

        def transaction(entry: Entry | None) -> Transaction | None:
            nonlocal wanted
            wanted = decide(entry)
            _check_characters(wanted)
            if readable(entry, service) == wanted:
                return None
            record = RevisionRecord(wanted, self.wall(), by)
            history, present = self._judged(entry, self.history(service))
            conditions, operations = history.storing(self.request.keys, record, _revision(entry), present)
            return conditions, (*operations, *self._ending(wanted, readable(entry, service)))

        change(self.store, key, transaction)
        assert wanted is not None
        self.stored.append(wanted)
        return wanted

    def delete(self, service: ServiceName, insist: Callable[[Entry | None], object] = lambda entry: None) -> None:
        """
        Delete a definition. See Note [What is left of a deleted service].

        :param insist: takes the stored entry that would be deleted, and raises what speaks against that.
        :raises NotFound: there is none.
        """
        attempted = False
        lease = 0

        def transaction(entry: Entry | None) -> Transaction | None:
            nonlocal attempted, lease
            if entry is None and attempted:
                return None
            insist(entry)
            if entry is None:
                raise NoSuchService(service)
            attempted = True
            history, present = self._judged(entry, self.history(service))
            lease = lease or self.store.grant(LEFT).id
            conditions, operations = history.deleting(self.request.keys, _revision(entry), lease, present)
            return conditions, (*operations, Delete(self.request.keys.rollout(service)))

        def alone(entry: Entry | None) -> Transaction | None:
            if entry is None:
                return None
            insist(entry)
            return [Unchanged(entry.key, entry.mod_revision)], [Delete(entry.key)]

        key = self.request.keys.service(service)
        try:
            change(self.store, key, transaction)
        except EtcdReadOnly:
            change(self.store, key, alone)

    def known(self, service: ServiceName) -> tuple[Entry | None, Revisions]:
        """
        Return the stored definition, None if it is deleted, and the history.

        :raises NotFound: there is neither.
        """
        entry, history = self.store.get(self.request.keys.service(service)), self.history(service)
        if entry is None and not history.numbers:
            raise NoSuchService(service, "does not exist, and has no history")
        return entry, history

    def history(self, service: ServiceName) -> Revisions:
        return Revisions.read(self.request.keys, service, self.store.list(self.request.keys.history(service)).entries)

    def _ending(self, wanted: Definition, before: Definition | None) -> Sequence[Operation]:
        """
        Return what deletes the record of a rollout that did not end well: it is about a definition that is not in force
        any more. One that is paused stays so, if its containers are still the wanted ones; unless its ``Before`` has
        failed, and is another one now, or none.
        """
        key = self.request.keys.rollout(wanted.name)
        entry = self.store.get(key)
        if entry is None:
            return ()
        with suppress(BadInput):
            record = RolloutRecord.decode(entry.value)
            known = Cluster(self.request.keys)
            known.replace(self.store.list(self.request.keys.stamps))
            is_mended = record.run and before is not None and before.before != wanted.before
            paused = record.state is RolloutState.PAUSED and record.concerns(known.values.stamped(wanted))
            if paused and not is_mended:
                return ()
        return (Delete(key),)

    def _judged(self, entry: Entry | None, history: Revisions) -> tuple[Revisions, RevisionRecord | None]:
        """
        Return the history with its newest revision marked as good, if the stored definition runs as it should, and that
        definition as a revision, if it has none yet (an older version stored it) and can have one.
        """
        with suppress(BadInput):
            if entry is not None:
                record = RevisionRecord(parse(entry, history.service))
                record = evolve(record, good=self._is_well(record.definition))
                record.encode()
                if not history.ends_with(record.definition):
                    return history, record
                return history.with_newest_good() if record.good else history, None
        return history, None

    def _is_well(self, definition: Definition) -> bool:
        keys, name = self.request.keys, definition.name
        cluster = Cluster(keys)
        cluster.replace(self.store.list((*keys.stamps, keys.service(name), keys.claims(name))))
        wanted = cluster.services.get(name)
        return wanted is not None and wanted.definition.instances > 0 and not unmet(cluster, name)


def author(request: Request) -> str:
    """Return who makes a request, such as "anna@desk"."""
    return one_line(f"{request.user or _account()}@{os.uname().nodename}", 100)


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _revision(entry: Entry | None) -> int:
    return entry.mod_revision if entry is not None else 0


def _check_characters(definition: Definition) -> None:
    try:
        definition.encode()
    except UnicodeEncodeError:
        raise BadInput("the definition holds half a character: write all of it in UTF-8") from None
