"""
The archive of an image in a file, on its way from one Engine to another; blocking.

Note [Room is taken at once]
    Several images may arrive side by side, and each would see the same free space before any of it is written. So a
    file takes its blocks from the disk when it is made, and is given up if that leaves too few. Two that exceed the
    bound together may both be refused: each is tried again, as everything is that fails for want of room.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

from daprdockr.model.errors import DiskError
from daprdockr.sessions.archive import ImageArchive

ROOM = 256_000_000
"""Octets that an image has to leave free on the disk of the state directory."""


class TakesImages(Protocol):
    """As ``engine.images`` does."""

    def load(self, pieces: Iterator[bytes]) -> None: ...

    def has(self, image: str, reference: str) -> bool: ...


class GivesImages(Protocol):
    """As ``engine.images`` does."""

    def save(self, reference: str) -> Iterator[bytes]: ...


def spool(directory: Path, size: int, node: str) -> BinaryIO:
    """
    Return a new file without a name, for so many octets. See Note [Room is taken at once].

    :raises DiskError: there is not enough room.
    """
    try:
        check_room(directory, size, node)
        with ExitStack() as unless_it_fits:
            file = unless_it_fits.enter_context(tempfile.TemporaryFile(dir=directory))
            os.posix_fallocate(file.fileno(), 0, max(size, 1))
            check_room(directory, size, node, taken=size)
            unless_it_fits.pop_all()
        return file
    except OSError as error:
        raise DiskError(f"node {node} has no file for the image in {directory}: {error.strerror}") from None


def check_room(directory: Path, size: int, node: str, taken: int = 0) -> None:
    """
    :raises DiskError: so many octets, of which the disk counts ``taken`` already, do not leave enough. The text does
        not say how much is free: that changes, and each attempt would be another event.
    :raises OSError: there is no such directory.
    """
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize + taken
    if free < size + ROOM:
        text = f"{size / 1e6:.1f} MB come, and {ROOM / 1e6:.0f} MB have to stay free"
        raise DiskError(f"node {node} has no room for the image in {directory}: {text}")


def keep(engine: GivesImages, reference: str, file: BinaryIO, is_wanted: Callable[[], bool]) -> None:
    """Write an image of the Engine to a file, as long as it is wanted. :raises DaprdockrError: it fails."""
    try:
        for piece in engine.save(reference):
            if not is_wanted():
                break
            file.write(piece)
        file.truncate()
    except OSError as error:
        raise DiskError(f"the image cannot be written to the disk: {error.strerror}") from None


def load(engine: TakesImages, archive: ImageArchive, held: int) -> None:
    """Load an image. :raises DaprdockrError: the Engine does not have it afterwards."""
    engine.load(archive.pieces(held))
    if not engine.has(archive.image, archive.reference):
        raise DiskError("the Docker Engine took the image, and does not have it now: see its log")
