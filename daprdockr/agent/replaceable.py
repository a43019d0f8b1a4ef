# -*- test-case-name: tests.unit.agent.test_statedir -*-
"""
Finds the other users who may replace a directory, by renaming one on the way to it. Blocking; see Note [Nobody else's
paths] in ``statedir``.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path


def ways(path: Path) -> set[Path]:
    """Return the path as it was given and as it is behind links: if one can be renamed, we are led elsewhere."""
    return {path.absolute(), Path(os.path.realpath(path))}


def replaceable(path: Path) -> str:
    """Return who but root and this user may replace a directory, and where; "" if nobody may."""
    above = {place for way in ways(path) for place in way.parents}
    return next((found for place in sorted(above) for found in _others(place)), "")


def _others(place: Path) -> Iterator[str]:
    status = place.stat()
    if status.st_uid not in (0, os.geteuid()):
        yield f"{place} belongs to user {status.st_uid}"
    elif status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_ISVTX and not _is_own(status.st_gid):
        yield f"group {status.st_gid} may write to {place}"


def _is_own(group: int) -> bool:
    """Return whether a group is root's, or has this user alone: one of his name without other members."""
    try:
        known, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return group == 0
    return group == 0 or (known.gr_name == user and set(known.gr_mem) <= {user})
