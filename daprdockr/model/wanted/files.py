# -*- test-case-name: tests.unit.model.wanted.test_files -*-
"""The ``Files`` part of a definition: configuration that is not secret, stored by its name or stated right here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members
from daprdockr.model.names import shorten
from daprdockr.model.wanted.uses import HUP, ROLL, on_change, refuse_twice, stored_name, target

MOST_FILES = 32
"""The most files that one service uses."""

MOST_BYTES = 64 * 1024
"""The largest content of a file, and the most that one definition states."""

USUAL_MODE = 0o444
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)


def stamp_of(content: bytes) -> str:
    """Return the digest of a content, by which agents notice that it changed."""
    return hashlib.sha256(content).hexdigest()[:16]


@frozen
class FileUse:
    """
    One use of a file, at the path ``target``: one that is stored under ``name``, or the ``content`` itself (None: it is
    stored).

    :ivar mode: the permissions in the container, where the file is read-only anyway.
    :ivar stamp: the digest of the content as it is now, "" for a file that is not set. Of a stored one no definition
        states it: the mirror adds it.
    """

    name: str = ""
    target: str = ""
    content: str | None = None
    mode: int = USUAL_MODE
    on_change: str = ROLL
    stamp: str = ""

    @classmethod
    def read(cls, value: object, path: str) -> FileUse:
        given = read_members(value, path, _MEMBERS, required=("Target",))
        if ("name" in given) == ("content" in given):
            raise BadInput(f"{path} needs Name, of a file that file set stored, or Content: write one of them")
        content = given.get("content")
        return cls(**given, stamp="" if content is None else stamp_of(content.encode()))

    def write(self) -> dict[str, Any]:
        stored = self.content is None
        written: dict[str, Any] = {"Name": self.name} if stored else {}
        written["Target"] = self.target
        written |= {} if stored else {"Content": self.content}
        written |= {"Mode": f"{self.mode:04o}"} if self.mode != USUAL_MODE else {}
        return written | ({"OnChange": self.on_change} if self.on_change != ROLL else {})


FileUses = tuple[FileUse, ...]


def file_uses(value: object, path: str) -> FileUses:
    uses = tuple(reading.list_of(FileUse.read, MOST_FILES)(value, path))
    refuse_twice((use.target for use in uses), path)
    if sum(len(use.content.encode()) for use in uses if use.content is not None) > MOST_BYTES:
        most = MOST_BYTES // 1024
        raise BadInput(f"{path} has more than {most} KiB of Content: store files by daprdockrcmd file set")
    return uses


def with_stamps(uses: FileUses, present: Mapping[str, str]) -> FileUses:
    """
    Return the uses with the stamps that the stored files have now.

    :param present: the stamp by name, of those that are set.
    """
    return tuple(use if use.content is not None else evolve(use, stamp=present.get(use.name, "")) for use in uses)


def essence_of_files(uses: Iterable[FileUse]) -> list[list[str]]:
    """Return what containers depend on: another digest needs other containers."""
    return [[use.target, f"{use.mode:o}", HUP if use.on_change == HUP else use.stamp] for use in uses]


def _content(value: object, path: str) -> str:
    text = reading.free_text(value, path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{path}: it has half a character: store the file by daprdockrcmd file set") from None
    return text


def _mode(value: object, path: str) -> int:
    if isinstance(value, str) and _MODE.fullmatch(value):
        return int(value, 8)
    raise BadInput(f'{path}: {shorten(value)} is not usable, write octal permissions in quotes, such as "0555"')


_MEMBERS: Members = {
    "Name": ("name", stored_name("file")),
    "Target": ("target", target),
    "Content": ("content", _content),
    "Mode": ("mode", _mode),
    "OnChange": ("on_change", on_change),
}
