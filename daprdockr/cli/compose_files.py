# -*- test-case-name: tests.unit.cli.commands.test_import -*-
"""Compose files of this machine: read whole, within bounds, and as definitions."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from daprdockr.arguments.parameter import absolute_path
from daprdockr.cli.compose_yaml import MOST_BYTES, read_compose
from daprdockr.cli.stdin import read_stdin
from daprdockr.compose.definitions import Imported, definitions
from daprdockr.compose.loading import ComposeSources, load
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

STDIN = "-"
_CALLED = "stdin"


def import_files(
    names: Sequence[str],
    stdin: BinaryIO,
    environment: Mapping[str, str],
    profiles: Sequence[str],
    group: str = "",
    known: Mapping[str, bytes] | None = None,
) -> Imported:
    """
    Return the definitions of Compose files that are merged, each over the one before.

    :param names: files; ``-`` is stdin.
    :param group: in place of the project's name.
    :param known: the content of files that were read already, by their names.
    :raises BadInput: one line with file, line and key.
    """
    home = str(absolute_path("."))
    pipes = {name: _CALLED if name == STDIN else name for name in names if name == STDIN or _is_pipe(name)}
    place = {name: _place(name, pipes.get(name), home) for name in names}
    once = known or {name: _read_once(name, stdin) for name in pipes}
    files = _Files(
        home=home,
        environment=dict(environment),
        content={place[name]: data for name, data in once.items()},
        called={place[name]: shown for name, shown in pipes.items()},
    )
    sources = ComposeSources(files.read, lambda data, path: read_compose(data, files.shown(path)), files.environment)
    return definitions(load([place[name] for name in names], sources, profiles, group), files.read)


@frozen
class _Files:
    """
    The files of this machine, as a project reads them, by their paths.

    :ivar home: the present directory.
    :ivar content: that of files that were read already.
    :ivar called: what those are called that have no path a person would know.
    """

    home: str
    environment: Mapping[str, str]
    content: Mapping[str, bytes]
    called: Mapping[str, str]

    def read(self, path: str) -> bytes | None:
        return self.content[path] if path in self.content else read_file(_whole(path, self.environment))

    def shown(self, path: str) -> str:
        """Return a path as a person would write it here."""
        return self.called.get(path) or path.removeprefix(f"{self.home}/")


def _place(name: str, pipe: str | None, home: str) -> str:
    """Return the path of a file; a ``pipe``, by what it is called, counts as a file of the present directory."""
    return str(absolute_path(name)) if pipe is None else os.path.join(home, posixpath.basename(pipe))


def _is_pipe(name: str) -> bool:
    """
    Return whether a file is a pipe, as a shell's ``<(...)`` is: it lies nowhere, and can be read only once.

    :raises BadInput: it is a directory.
    """
    path = Path(name)
    try:
        if path.is_dir():
            raise BadInput(f"{shorten(name)} is a directory: name the Compose file in it")
        return path.is_fifo()
    except (OSError, ValueError):
        return False  # who reads it as a file says why


def _read_once(name: str, stdin: BinaryIO) -> bytes:
    if name == STDIN:
        return _bounded(read_stdin(stdin, MOST_BYTES + 1), _CALLED)
    with Path(name).open("rb") as pipe:
        return _bounded(pipe.read(MOST_BYTES + 1), name)


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
