# -*- test-case-name: tests.unit.agent.reconcile.test_places -*-
"""
The places of the files that containers have mounted: in memory for secrets, in the state directory for the others.
Blocking.

Note [Files in memory]
    A secret is on no disk of a node (only in the swap space, if there is any), so its file is on a tmpfs of the host;
    ``docker inspect`` shows its path and not its content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from daprdockr.agent.reconcile.mounted_files import MountedFiles
from daprdockr.agent.replaceable import replaceable
from daprdockr.model.errors import EngineFailed

MOUNTS = Path("/proc/self/mountinfo")

_ESCAPED = re.compile(r"\\([0-7]{3})")


@frozen
class InMemory:
    """
    :ivar places: the directories to choose from, the best first.
    :ivar folder: the name of the directory in each, which differs for each agent of this host.
    :ivar mounts: returns the content of ``/proc/self/mountinfo``.
    """

    places: Sequence[Path]
    folder: str
    mounts: Callable[[], str]

    @property
    def files(self) -> MountedFiles:
        return MountedFiles(choose=self.choose, places=[place / self.folder for place in self.places])

    def choose(self) -> Path:
        """
        Return the first directory in memory that can be written to.

        :raises EngineFailed, OSError: there is none that can be used.
        """
        mounts, failed = self.mounts(), None
        for place in self.places:
            if not is_in_memory(place, mounts):
                continue
            folder = place / self.folder
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
        raise EngineFailed(f"{self.places[0]} is on a disk, where no secret may be: name a tmpfs by --memory-dir")


def on_disk(state_dir: Path) -> MountedFiles:
    """Return the files below a state directory, which is private."""
    place = state_dir / "files"

    def choose() -> Path:
        place.mkdir(mode=0o700, exist_ok=True)
        return place

    return MountedFiles(choose=choose, places=(place,))


def read_mounts(path: Path = MOUNTS) -> str:
    """Return the content of ``/proc/self/mountinfo``, where other users' mounts may have names that are no UTF-8."""
    return os.fsdecode(path.read_bytes())


def is_in_memory(path: Path, mounts: str) -> bool:
    """Return whether a path is on no disk, whether it exists or not. :param mounts: see ``file_system``."""
    return file_system(path, mounts) in ("tmpfs", "ramfs")


def file_system(path: Path, mounts: str) -> str:
    """
    Return the type of the file system of a path, whether the path exists or not.

    :param mounts: as in ``/proc/self/mountinfo`` (proc(5)); of several at one place the last one counts.
    """
    there, best, found = Path(os.path.realpath(path)), -1, ""
    for line in mounts.split("\n"):
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        if there.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split(" ")[0]
    return found
