"""A file system for one directory, whose writes hang while it is frozen: ext4 in a file, by a loop device."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SIZE = 64 * 1024 * 1024


class HangingDisk:
    """At ``directory``, which is made. :raises CalledProcessError: this machine cannot have one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._home = Path(tempfile.mkdtemp(prefix="disk-"))
        self._frozen = False
        image = self._home / "image"
        with image.open("wb") as made:
            made.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-F", str(image))
        directory.mkdir(parents=True)
        _run("mount", "-o", "loop", str(image), str(directory))
        directory.chmod(0o700)

    def freeze(self) -> None:
        """From now on each process that writes to it waits, in the kernel."""
        _run("fsfreeze", "-f", str(self.directory))
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen:
            _run("fsfreeze", "-u", str(self.directory))
            self._frozen = False

    def close(self) -> None:
        """Unmount it; a process that still uses it keeps what is left."""
        self.thaw()
        _run("umount", "-l", str(self.directory))
        shutil.rmtree(self._home, ignore_errors=True)


def missing() -> str | None:
    """Why this machine can have none; None to try one, which fails loudly where ``CI`` is set."""
    if os.environ.get("CI"):
        return None
    if os.geteuid() != 0:
        return "only root can mount a file system"
    lacking = [name for name in ("mkfs.ext4", "mount", "umount", "fsfreeze") if shutil.which(name) is None]
    if lacking:
        return f"there is no {lacking[0]}"
    with tempfile.TemporaryDirectory() as place:
        try:
            with contextlib.closing(HangingDisk(Path(place) / "disk")):
                return None
        except subprocess.CalledProcessError as error:
            return f"no file system can be mounted: {error}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)
