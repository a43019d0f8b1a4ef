# -*- test-case-name: tests.unit.cli.commands.test_import -*-
"""Compose files of this machine: read whole, within bounds, and as definitions."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from daprdockr.cli.compose_yaml import MOST_BYTES, read_compose
from daprdockr.cli.stdin import read_stdin
from daprdockr.compose.definitions import Imported, definitions
from daprdockr.compose.loading import ComposeSources, load
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

STDIN = "-"
_CALLED = "stdin"


def import_files(
    names: Sequence[str], stdin: BinaryIO, environment: Mapping[str, str], profiles: Sequence[str], group: str = ""
) -> Imported:
    """
    Return the definitions of Compose files that are merged, each over the one before.

    :param names: files; ``-`` is stdin.
    :param group: in place of the project's name.
    :raises BadInput: one line with file, line and key.
    """
    given = dict(environment)
    home = os.getcwd()
    paths = [os.path.join(home, _CALLED) if name == STDIN else os.path.abspath(name) for name in names]
    content = {
        paths[number]: _bounded(read_stdin(stdin, MOST_BYTES + 1), _CALLED)
        for number, name in enumerate(names)
        if name == STDIN
    }

    def read(path: str) -> bytes | None:
        return content[path] if path in content else read_file(_whole(path, given))

    def called(path: str) -> str:
        """Return a path as a person would write it here."""
        return _CALLED if path in content else path.removeprefix(f"{home}/")

    sources = ComposeSources(read, lambda data, name: read_compose(data, called(name)), given)
    project = load(paths, sources, profiles, group)
    return definitions(project, read)


def _whole(path: str, environment: Mapping[str, str]) -> str:
    """Return a path with the home directory of a person in place of the tilde that it begins with."""
    home = environment.get("HOME", "")
    return home + path[1:] if home and path.startswith("~/") else os.path.expanduser(path)


def read_file(path: str) -> bytes | None:
    """Return the content of a regular file; None if there is none. :raises BadInput: it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with Path(path).open("rb") as file:
            return _bounded(file.read(MOST_BYTES + 1), path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file has such a name"
        raise BadInput(f"{shorten(path)} cannot be read: {reason}") from None


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MOST_BYTES:
        raise BadInput(f"{shorten(name)} has more than {MOST_BYTES} bytes: make it smaller")
    return data
