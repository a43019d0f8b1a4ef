"""Programs that are looked up, and never started."""

from __future__ import annotations

from pathlib import Path


def with_etcd(directory: Path) -> Path:
    """Make the directory, with the program etcd in it; return it."""
    directory.mkdir(parents=True)
    (directory / "etcd").write_text("#!/bin/sh\n")
    (directory / "etcd").chmod(0o755)
    return directory
