# -*- test-case-name: tests.unit.peer.test_tar_walk -*-
"""Where a tar archive ends that comes in pieces; nothing of its files is kept."""

from __future__ import annotations

import tarfile

_BLOCK = tarfile.BLOCKSIZE
_SIZE, _TYPE = slice(124, 136), slice(156, 157)
_WITHOUT_CONTENT = b"123456"
"""Types of entries: links, devices, directories and pipes."""

MOST_RECORDS = 1024 * 1024
"""The most octets of what describes an entry beforehand (POSIX.1, "pax"): the Engine keeps no large attribute."""

_NEVER = 1 << 62


class TarWalk:
    """Goes from one entry to the next, as their headers state their sizes, as the Engine writes them."""

    def __init__(self) -> None:
        self._skip = 0
        self._part = bytearray()
        self._needed = _BLOCK
        self._has_records = False
        self._stated: int | None = None
        self._empty = 0

    @property
    def is_whole(self) -> bool:
        """Whether the two empty blocks have come where a header could be: they may be in a file, too."""
        return self._empty >= 2

    def take(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if skipped := min(self._skip, len(data) - at):
                self._skip -= skipped
                at += skipped
                continue
            piece = data[at : at + self._needed - len(self._part)]
            self._part += piece
            at += len(piece)
            if len(self._part) == self._needed:
                part, self._part = bytes(self._part), bytearray()
                self._next(part)

    def _next(self, part: bytes) -> None:
        try:
            if self._has_records:
                self._has_records, self._needed = False, _BLOCK
                self._stated = _stated_size(part)
            elif part.count(0) == _BLOCK:
                self._empty += 1
            else:
                self._empty = 0
                self._entry(part)
        except (tarfile.TarError, ValueError):
            self._skip = _NEVER  # what comes is no archive, and so has no end

    def _entry(self, header: bytes) -> None:
        kind, size = header[_TYPE], tarfile.nti(header[_SIZE])  # type: ignore[attr-defined]  # not in typeshed
        if kind == tarfile.XHDTYPE and 0 < size <= MOST_RECORDS:
            self._has_records, self._needed = True, _whole(size)
            return
        size, self._stated = size if self._stated is None else self._stated, None
        if size < 0:
            raise ValueError(size)
        self._skip = 0 if kind in _WITHOUT_CONTENT else _whole(size)


def _stated_size(records: bytes) -> int | None:
    """Return the size that records ``<length> <key>=<value>`` state; None if they do not."""
    at = 0
    while at < len(records) and records[at]:
        blank = records.index(b" ", at)
        end = at + int(records[at:blank])
        if end <= blank:
            raise ValueError(records[at:blank])
        key, _, value = records[blank + 1 : end - 1].partition(b"=")
        if key == b"size":
            return int(value)
        at = end
    return None


def _whole(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
