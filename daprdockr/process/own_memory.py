# -*- test-case-name: tests.unit.cli.test_leaving,tests.unit.wiring.test_certifying -*-
"""
The directories of an agent on a tmpfs of its host, for what may be on no disk: the files of secrets, and the keys of
certificates. The agent makes them; a host that leaves its cluster removes them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

USUAL = (Path("/run/daprdockr"), Path("/dev/shm/daprdockr"))
"""The places to choose from, the best first; on some hosts ``/run`` is on a disk."""


def secrets_folder(node: str, state_dir: Path) -> str:
    """Return the name of the directory for the files of secrets: it differs for each agent of this host."""
    return hashlib.blake2s(f"{node} {state_dir}".encode(), digest_size=8).hexdigest()


def tls_folder(node: str, state_dir: Path) -> str:
    """Return the name of the directory for the keys of certificates."""
    return f"{secrets_folder(node, state_dir)}.tls"


def remove_own(places: Sequence[Path], node: str, state_dir: Path) -> None:
    """
    Remove both directories wherever they are. A link is left alone: the agent makes none, but any user may make one
    below ``/dev/shm``, which must not keep a host in its cluster.

    :raises OSError: one cannot be removed.
    """
    for place in places:
        for name in (secrets_folder(node, state_dir), tls_folder(node, state_dir)):
            if (place / name).is_dir() and not (place / name).is_symlink():
                shutil.rmtree(place / name)
