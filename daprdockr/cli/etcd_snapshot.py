# -*- test-case-name: tests.unit.cli.test_etcd_snapshot -*-
"""A snapshot of etcd as a file: the whole, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from daprdockr.cli.console import Console
from daprdockr.etcd.address import Access
from daprdockr.etcd.channel import open_lanes
from daprdockr.etcd.etcd_members import Opening
from daprdockr.etcd.member_snapshot import MemberSnapshot, snapshot_of_member
from daprdockr.model.errors import BadInput, DiskError
from daprdockr.picture.cells import size
from daprdockr.process.atomic import replace_file


def save_snapshot(path: Path, access: Access, console: Console, opening: Opening = open_lanes) -> None:
    """
    Write all that one member of etcd has into a file, which only its owner can read, or leave the file as it was.

    :raises BadInput: this is no place for a file.
    :raises DiskError: it cannot be written.
    :raises EtcdError: etcd does not give it, or not as a whole.
    """
    place = _checked(path)
    with snapshot_of_member(access, opening=opening) as snapshot:
        if not snapshot.has_quorum:
            console.complain(f"etcd has no quorum: this is what {snapshot.place} has, others may have had more")
        written = _written(place, snapshot)
    console.say(f"{path}: {size(written)} from {snapshot.place}, at revision {snapshot.revision} or later, checked")


def _checked(path: Path) -> Path:
    """
    Return the file that is meant, behind symbolic links.

    :raises BadInput: something is there that is no file, which a rename would replace, such as ``/dev/null``.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise BadInput(f"-snapshot {path} is no file: give the name of one, which gets the whole snapshot or nothing")
    return place


def _written(place: Path, snapshot: MemberSnapshot) -> int:
    draft = place.with_name(f".{place.name}.part")
    try:
        replace_file(place, snapshot.pieces, synced=True, draft=draft)
        return place.stat().st_size
    except OSError as error:
        raise DiskError(f"{place} cannot be written: {error.strerror}; nothing was kept") from error
