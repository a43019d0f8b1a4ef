# -*- test-case-name: tests.unit.sealing.test_key_file -*-
"""
The file with the private keys of a cluster: one key a line, the newest first; those below it open what was sealed
before a key was replaced. Blocking.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.process.atomic import replace_file
from daprdockr.sealing.boxes import PrivateKey

MOST_KEYS = 16
_MOST_BYTES = 64 * 1024
_MARK = "daprdockr-key:"
_HEAD = "# The private keys of a daprdockr cluster, the newest first: who has them can read all of its secrets.\n"


def read_keys(path: Path) -> tuple[PrivateKey, ...]:
    """
    Return the keys in a file, the newest first.

    :raises BadInput: it cannot be read, others than its owner can read it, or it is no such file.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"the cluster key {path} cannot be read: {error.strerror}") from None
    if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"the cluster key {path} is open to others than its owner: chmod 600 {path}")
    lines = [line.strip() for line in data.decode("ascii", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or len(keys) > MOST_KEYS or not all(line.startswith(_MARK) for line in keys):
        others = "copy that of another node, or where none has one, make it: daprdockrcmd secret key FILE"
        raise BadInput(f"{path} is no cluster key: {others}")
    return tuple(_key(line, path) for line in dict.fromkeys(keys))


def _key(line: str, path: Path) -> PrivateKey:
    try:
        return PrivateKey(base64.b64decode(line.removeprefix(_MARK), validate=True))
    except (binascii.Error, ValueError, BadInput):
        raise BadInput(f"the cluster key {path} is damaged: copy it from another node") from None


def create_keys(path: Path, keys: Sequence[PrivateKey]) -> None:
    """
    Write a new file that only its owner can read. It is there as a whole or not at all.

    :raises BadInput: there is something of that name, or it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            replace_file(draft, _text(keys), synced=True)
            os.link(draft, path)  # unlike a rename it replaces nothing
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()
    except FileExistsError:
        raise BadInput(f"{path} exists, and is not replaced: choose another name") from None
    except OSError as error:
        raise BadInput(f"the cluster key {shorten(str(path))} cannot be written: {error.strerror}") from None


def add_key(path: Path, keys: Sequence[PrivateKey]) -> PrivateKey:
    """
    Return a new key, which is now the first in the file that has ``keys``; a symbolic link to that file stays one.

    :raises BadInput: it cannot be written, or has as many keys as it may; it is as before then.
    """
    if len(keys) >= MOST_KEYS:  # the oldest may be all that opens a backup
        few = f"{MOST_KEYS} keys, as many as it may have: delete the last line if no backup is as old as that key"
        raise BadInput(f"the cluster key {shorten(str(path))} has {few}")
    key = PrivateKey.generate()
    try:
        replace_file(Path(os.path.realpath(path)), _text([key, *keys]), synced=True)
    except OSError as error:
        raise BadInput(f"the cluster key {shorten(str(path))} cannot be written: {error.strerror}") from None
    return key


def _text(keys: Sequence[PrivateKey]) -> bytes:
    lines = [f"{_MARK}{base64.b64encode(key.secret).decode()}\n" for key in keys]
    return (_HEAD + "".join(lines)).encode()
