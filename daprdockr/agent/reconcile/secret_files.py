# -*- test-case-name: tests.unit.agent.reconcile.test_secret_files -*-
"""
The files of secrets on this host: in memory, one directory for each container. Blocking.

Note [Files in memory]
    A container gets a secret as a bind mount of a file. The file is on a tmpfs of the host, so that the value is on no
    disk (only in the swap space, if there is any), and ``docker inspect`` shows its path and not its content. The
    Engine has no other way for one container: what it copies into a container that does not run yet lands in the
    container's layer on the disk, and a tmpfs of the container's own is empty until it has started.

    The container reads the file as its own user, who is known when it has been created. So the files are written, the
    container is created, the files are given to its user, and only then it is started. A directory without the mark of
    the last step is not complete, and is written again before the start: after a crash in between, or when the host
    was started again and its memory is empty.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from daprdockr.agent.replaceable import replaceable
from daprdockr.model.errors import EngineFailed

USUAL = (Path("/run/daprdockr"), Path("/dev/shm/daprdockr"))
"""The places to choose from, the best first; on some hosts ``/run`` is on a disk."""

MOUNTS = Path("/proc/self/mountinfo")

_COMPLETE = "complete"
_IN_MEMORY = ("tmpfs", "ramfs")


class SecretFiles:
    """
    :param places: the directories to choose from, the best first.
    :param agent: a text that differs for each agent of this host.
    :param mounts: returns the content of ``/proc/self/mountinfo``.
    """

    def __init__(self, *, places: Sequence[Path], agent: str, mounts: Callable[[], str]) -> None:
        self._places = places
        self._agent = hashlib.blake2s(agent.encode(), digest_size=8).hexdigest()
        self._mounts = mounts
        self._begun: set[str] = set()

    def write(self, container: str, contents: Sequence[bytes]) -> list[Path]:
        """
        Write the files of a container anew, and return their paths.

        :param container: the name under which it is created.
        :raises EngineFailed: there is no place in memory, or it is full.
        """
        try:
            folder = self._directory() / container
            draft = folder.with_name(f"{container}.new")
            for old in (draft, folder):
                shutil.rmtree(old, ignore_errors=True)
            self._begun.add(container)
            draft.mkdir(mode=0o700)
            for number, content in enumerate(contents):
                _write(draft / str(number), content)
            draft.rename(folder)
            return [folder / str(number) for number in range(len(contents))]
        except OSError as error:
            raise EngineFailed(f"a file for a secret cannot be written in memory: {error}") from None

    def give(self, container: str, user: int) -> None:
        """Let the user of the container read its files, and nobody else. :raises EngineFailed: as ``write``."""
        try:
            folder = self._folder(container)
            for path in folder.iterdir():
                os.chown(path, user, -1, follow_symlinks=False)
            (folder / _COMPLETE).touch(0o600)
        except OSError as error:
            raise EngineFailed(f"a file for a secret cannot be given to user {user}: {error}") from None

    def is_complete(self, container: str) -> bool:
        """Return whether the files of a container are there, and are its user's."""
        return (self._folder(container) / _COMPLETE).exists()

    def are_there(self, container: str, number: int) -> bool:
        """Return whether the files of a container were written."""
        return all((self._folder(container) / str(one)).exists() for one in range(number))

    def remove(self, container: str) -> None:
        for place in self._places:
            shutil.rmtree(place / self._agent / container, ignore_errors=True)

    def keep_only(self, containers: Collection[str]) -> None:
        """Remove the files of all other containers, but for those that this process wrote: some are to be created."""
        for place in self._places:
            folder = place / self._agent
            for name in os.listdir(folder) if folder.is_dir() else ():
                if name.removesuffix(".new") not in self._begun.union(containers):
                    self.remove(name)

    def _directory(self) -> Path:
        """
        Return the first directory in memory that can be written to.

        :raises EngineFailed, OSError: there is none that can be used.
        """
        mounts, failed = self._mounts(), None
        for place in self._places:
            if file_system(place, mounts) not in _IN_MEMORY:
                continue
            folder = place / self._agent
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:  # such as a read-only /run
                failed = failed or error
                continue
            if other := replaceable(folder):
                raise EngineFailed(f"no secret may be in {place}, because {other}: name another --memory-dir")
            return folder
        if failed is not None:
            raise failed
        raise EngineFailed(f"{self._places[0]} is on a disk, where no secret may be: name a tmpfs by --memory-dir")

    def _folder(self, container: str) -> Path:
        """Return where the files of a container are, or where they would be."""
        folders = [place / self._agent / container for place in self._places]
        return next((folder for folder in folders if folder.exists()), folders[0])


def file_system(path: Path, mounts: str) -> str:
    """
    Return the type of the file system of a path, whether the path exists or not.

    :param mounts: as in ``/proc/self/mountinfo`` (proc(5)); of several at one place the last one counts.
    """
    there, best, found = Path(os.path.realpath(path)), -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))
        if there.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split()[0]
    return found


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
    with open(descriptor, "wb") as file:
        file.write(content)
