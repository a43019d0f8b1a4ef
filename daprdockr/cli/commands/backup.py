# -*- test-case-name: tests.unit.cli.commands.test_backup -*-
"""
``backup``: definitions, files, cordons and pauses as one JSON document, for ``restore``; or a snapshot of all of etcd.
"""

from __future__ import annotations

import time

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.saved import MAX_BYTES, places, read_entries, write_backup
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.names import one_line
from daprdockr.model.seams import Store


class Incomplete(DaprdockrError):
    """A stored value cannot be read, so it is not in the backup."""


class TooLarge(DaprdockrError):
    """The backup cannot be restored as one."""


def backup(request: Request, store: Store, console: Console) -> None:
    """
    :raises Incomplete: something is missing in what was printed.
    :raises TooLarge: ``restore`` does not take what was printed.
    """
    if request.snapshot is not None and request.access is not None:
        from daprdockr.cli.etcd_snapshot import save_snapshot

        save_snapshot(request.snapshot, request.access, console)
        return
    found, unreadable = read_entries(request.keys, store.list(places(request.keys)).entries)
    printed = console.print_json(write_backup(request.keys, found, time.time(), author(request)))
    for key, reason in unreadable.items():
        console.complain(f"not in the backup: {one_line(key)}: {reason}")
    if printed > MAX_BYTES:
        raise TooLarge(f"the backup has more than the {MAX_BYTES} bytes that restore takes: keep a snapshot instead")
    if unreadable:
        raise Incomplete(f"{len(unreadable)} stored values cannot be read: the backup has all others")


COMMAND = Command(
    name="backup",
    usage=(
        ("backup > FILE", "print definitions, files, cordons and pauses as one document"),
        ("backup -snapshot FILE", "save all of etcd, secrets and roles too, in FILE"),
    ),
    run=backup,
    flags=("snapshot", "o"),
    only_json=True,
    reference=(
        "print all definitions, files for containers (``file set``), cordons and pauses as one JSON document for"
        " ``restore``, as they are at one moment; history, events and sealed values, which are secrets and"
        " certificates, are not in it. A stored value that cannot be read is left out and reported (exit status 1). A"
        " document of more than 64 MiB, which ``restore`` does not take, is reported in the same way",
        "save all that a member of etcd has, also secrets, certificates, history and roles, in FILE, which only its"
        " owner can read: for ``etcdctl snapshot restore``. It is compared with etcd's checksum, and FILE is replaced"
        " by the whole or left as it was. With authentication in etcd it takes a user with etcd's role ``root``",
    ),
)
