# -*- test-case-name: tests.unit.cli.commands.test_file -*-
"""Files for containers in etcd as the command line sees them: set, listed, read back and deleted."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.stored import Transaction, change, decoded, decoded_below, unchanged
from daprdockr.cli.users import absent_value, delete_value, users
from daprdockr.model.errors import BadInput
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry, Put
from daprdockr.model.stored.files import FileContent, FileRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import stamp_of


@frozen
class Files:
    """:ivar wall: wall-clock seconds."""

    request: Request
    store: Store
    wall: Callable[[], float]

    def put(
        self, name: str, content: bytes, insist: Callable[[Entry | None], object] = lambda entry: None
    ) -> tuple[FileRecord, bool]:
        """
        Store a content; return its record, and whether that is another one than before.

        :param insist: takes the stored record that would be replaced, and raises what speaks against that.
        """
        keys, stamp = self.request.keys, stamp_of(content)
        written: FileRecord | None = None
        changed = False

        def transaction(entry: Entry | None) -> Transaction | None:
            nonlocal written, changed
            before = decoded(entry, FileRecord.decode)
            if before is not None and before.stamp == stamp:  # so a lost answer shows as what we want
                written = before
                return None
            insist(entry)
            changed = True
            number = before.revision + 1 if before is not None else 1
            written = FileRecord(number, stamp, len(content), self.wall(), author(self.request))
            puts = Put(keys.file(name), written.encode()), Put(keys.content(name), FileContent(content).encode())
            return (unchanged(keys.file(name), entry),), puts

        change(self.store, keys.file(name), transaction)
        assert written is not None
        return written, changed

    def get(self, name: str) -> bytes:
        """
        Return a content.

        :raises NotFound: there is no such file.
        :raises BadInput: this version cannot read it.
        """
        entry = self.store.get(self.request.keys.content(name))
        if entry is None:
            raise absent_value(f"file {name}")
        try:
            return FileContent.decode(entry.value).content
        except BadInput as error:
            raise BadInput(f"file {name} cannot be read ({error}): set it again") from None

    def delete(self, name: str) -> None:
        """:raises NotFound, ValueInUse: as ``delete_value``."""
        places = self.request.keys.file(name), self.request.keys.content(name)
        delete_value(self.request, self.store, f"file {name}", places, _names)

    def users(self) -> dict[str, list[str]]:
        """Return the services that use stored files, by file."""
        return users(self.request.keys, self.store, _names)

    def known(self) -> dict[str, FileRecord | None]:
        """Return the records of all files by name; None is one that this version cannot read."""
        return decoded_below(self.store, self.request.keys.files, FileRecord.decode)


def _names(definition: Definition) -> list[str]:
    return [use.name for use in definition.files if use.content is None]
