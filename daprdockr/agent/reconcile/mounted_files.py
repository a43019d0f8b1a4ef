# -*- test-case-name: tests.unit.agent.reconcile.test_mounted_files -*-
"""
The files of this host that containers have mounted: one directory for each container. Blocking.

Note [Files on the host]
    A container gets a secret or a file as a bind mount of a file of the host. The Engine has no other way that comes
    before the program's first instruction: what it copies into a container that does not run yet lands in the
    container's layer on the disk, and a tmpfs of the container's own is empty until it has started. Those of secrets
    are in memory (Note [Files in memory] in ``places``), the others on the disk, so that a container with none but
    these can be started after a power cut without etcd.

    The container reads a file as its own user, who is known when it has been created. So the files are written, the
    container is created, the files are given to its user, and only then it is started. A directory without the mark of
    the last step is not complete, and is written again before the start: after a crash in between, or when the host
    was started again and its memory is empty.

Note [In its place]
    A mount of a file leads to that file and not to its name, so a running container never sees one that was renamed
    into its place: room is made in the old file, the new content is written there by one call, and the file is cut to
    its length by the next. A program that reads between two of them sees some of both contents, or NUL bytes behind the
    old one, and reads again at the signal, which follows. Where there is no room the old content stays as it was,
    because a program may be restarted with it. The mark has the stamps for which the signal was sent; after a crash in
    between all is done once more, because a signal too many does no harm.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from daprdockr.model.errors import EngineFailed
from daprdockr.process.atomic import replace_file

_MARK = "complete"


@frozen
class FileToMount:
    """A content, its permissions, and its stamp."""

    content: bytes
    mode: int
    stamp: str = ""


class MountedFiles:
    """
    :param choose: returns the directory to write into; it raises EngineFailed or OSError if there is none.
    :param places: all directories that it may return.
    """

    def __init__(self, *, choose: Callable[[], Path], places: Sequence[Path]) -> None:
        self._choose = choose
        self._places = places
        self._begun: dict[str, tuple[str, ...]] = {}
        """The stamps of the files that this process wrote, by container."""

    def write(self, container: str, files: Sequence[FileToMount]) -> list[Path]:
        """
        Write the files of a container anew, and return their paths.

        :param container: the name under which it is created.
        :raises EngineFailed: there is no place for them, or it is full.
        """
        try:
            place = self._choose()
        except OSError as error:
            raise EngineFailed(f"a file for a container cannot be written: {error}") from None
        try:
            folder = place / container
            draft = folder.with_name(f"{container}.new")
            for old in (draft, folder):
                shutil.rmtree(old, ignore_errors=True)
            self._begun[container] = tuple(file.stamp for file in files)
            draft.mkdir(mode=0o700)
            for number, file in enumerate(files):
                _write(draft / str(number), file)
            draft.rename(folder)
            return [folder / str(number) for number in range(len(files))]
        except OSError as error:
            raise _unwritten(place, error) from None

    def rewrite(self, container: str, contents: Mapping[int, bytes]) -> None:
        """Put other contents, by number, into files that are mounted: Note [In its place]. :raises: as ``write``."""
        folder = self._folder(container)
        try:
            for number, content in contents.items():
                _rewrite(folder / str(number), content)
        except OSError as error:
            raise _unwritten(folder.parent, error) from None

    def give(self, container: str, user: int) -> None:
        """
        Let the user of the container read its files, and mark them with the stamps that they were written with; those
        of an earlier process with none, because nobody knows them. :raises EngineFailed: as ``write``.
        """
        try:
            for path in self._folder(container).iterdir():
                os.chown(path, user, -1, follow_symlinks=False)
        except OSError as error:
            raise EngineFailed(f"a file for a container cannot be given to user {user}: {error}") from None
        self.mark(container, self._begun.get(container, ()))

    def mark(self, container: str, stamps: Sequence[str]) -> None:
        """Note that the files are complete, and of which contents the container knows. :raises: as ``write``."""
        folder = self._folder(container)
        try:
            replace_file(folder / _MARK, "\n".join(stamps).encode(), synced=True)
        except OSError as error:
            raise _unwritten(folder.parent, error) from None

    def stamps(self, container: str) -> tuple[str, ...]:
        """Return the stamps that were marked last; () if the files are not complete."""
        try:
            return tuple((self._folder(container) / _MARK).read_text(encoding="ascii").split("\n"))
        except (OSError, ValueError):
            return ()

    def is_complete(self, container: str) -> bool:
        """Return whether the files of a container are there, and are its user's."""
        return (self._folder(container) / _MARK).exists()

    def are_there(self, container: str, number: int) -> bool:
        """Return whether the files of a container were written."""
        return all((self._folder(container) / str(one)).exists() for one in range(number))

    def remove(self, container: str) -> None:
        self._begun.pop(container, None)
        for folder in (place / name for place in self._places for name in (container, f"{container}.new")):
            shutil.rmtree(folder, ignore_errors=True)

    def keep_only(self, containers: Collection[str]) -> None:
        """Remove the files of all other containers, but for those that this process wrote: some are to be created."""
        for place in self._places:
            for name in os.listdir(place) if place.is_dir() else ():
                if name.removesuffix(".new") not in {*self._begun, *containers}:
                    self.remove(name)

    def _folder(self, container: str) -> Path:
        """Return where the files of a container are, or where they would be."""
        folders = [place / container for place in self._places]
        return next((folder for folder in folders if folder.exists()), folders[0])


def _unwritten(place: Path, error: OSError) -> EngineFailed:
    return EngineFailed(f"a file for a container cannot be written in {place}: {error.strerror}")


def _write(path: Path, file: FileToMount) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
    with open(descriptor, "wb") as opened:
        opened.write(file.content)
        os.fchmod(descriptor, file.mode)
        opened.flush()
        os.fsync(descriptor)  # before the mark says that it is complete


def _rewrite(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _make_room(descriptor, len(content))
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], written)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_room(descriptor: int, length: int) -> None:
    """Have a file take so many bytes. :raises OSError: it cannot, and is as it was."""
    before = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, 0, max(length, 1))
    except OSError as error:
        os.ftruncate(descriptor, before)
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot tell beforehand
            raise
