# -*- test-case-name: tests.unit.agent.certifying.test_given_pairs -*-
"""
The operator's own certificates: the pairs of ``<host name>.crt`` and ``<host name>.key`` in one directory. Blocking.

A pair that cannot be used is reported, and disables none of the others. Files that did not change are not read again,
unless they could not be used: what kept them from being read, such as their mode or a disk, may be mended without them.

Note [Half a renewal]
    A renewal replaces one file after the other, or one link after the other. In between they do not belong together,
    and a mistake may last longer. The former pair is served until they can be used again, or both are gone.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name
from daprdockr.model.names import one_line, printable
from daprdockr.model.stored.certificate import FILE, MAX_PEM
from daprdockr.process.given import read_given
from daprdockr.proxy.certificates import Certificate
from daprdockr.sealing.certificates import facts_of, read_pair

MOST_PAIRS = 1000
"""The most pairs of a directory that are read."""

_CHAIN, _KEY = ".crt", ".key"
_WILDCARD = "_."
"""The beginning of the files of a ``*.`` name, if somebody avoids that sign in names of files."""

Signature = tuple[int, int, int] | None


@frozen
class GivenPairs:
    """
    The pairs that can be used, by host name, and why others cannot be.
    """

    certificates: tuple[Certificate, ...] = ()
    troubles: dict[str, str] = field(factory=dict)


@frozen
class _Found:
    """The files of one name, as they were read last; with a ``trouble``, a ``certificate`` is the former one."""

    signature: tuple[Signature, Signature]
    certificate: Certificate | None = None
    trouble: str = ""


class GivenDirectory:
    """:param path: the directory with the files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Found] = {}

    def read(self) -> GivenPairs:
        """Return what is there now. :raises OSError: the directory cannot be read."""
        names = {name[: -len(_CHAIN)] for name in os.listdir(self._path) if name.endswith((_CHAIN, _KEY))}
        # Those that are read already stay: a pair too many must not take the place of one that is shown.
        ordered = sorted(names, key=lambda stem: (stem not in self._known, stem))
        self._known = {stem: self._found(stem) for stem in sorted(ordered[:MOST_PAIRS])}
        troubles = {printable(stem): one.trouble for stem, one in self._known.items() if one.trouble}
        for stem in ordered[MOST_PAIRS:][:1]:  # it stands for all that are left out
            most = f"an agent reads {MOST_PAIRS} pairs of a directory, which has {len(names)}"
            troubles[printable(stem)] = f"it is not read: {most}"
        found = (one.certificate for one in self._known.values())
        return GivenPairs(tuple(one for one in found if one is not None), troubles)

    def _found(self, stem: str) -> _Found:
        """See Note [Half a renewal]."""
        files = self._path / (stem + _CHAIN), self._path / (stem + _KEY)
        signature = _signature(files[0]), _signature(files[1])
        known = self._known.get(stem)
        if known is not None and known.signature == signature and not known.trouble:
            return known
        try:
            return _Found(signature, _read(stem, *files))
        except BadInput as error:
            former = known.certificate if known is not None else None
            shown = ", so the former one is shown" if former is not None else ""
            return _Found(signature, former, f"{error}{shown}")


def _read(stem: str, chain: Path, key: Path) -> Certificate:
    """:raises BadInput: the pair cannot be used."""
    name = host_name("*." + stem.removeprefix(_WILDCARD) if stem.startswith(_WILDCARD) else stem)
    pair = read_pair(_content(chain), _content(key))
    facts = facts_of(pair)
    if not facts.is_for(name):
        raise BadInput(f"the certificate is for {one_line(', '.join(facts.names), 200)}, and not for {name}")
    return Certificate(name, FILE, pair, facts)


def _content(path: Path) -> bytes:
    """:raises BadInput: it cannot be read."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe that nobody writes to would not end
            raise BadInput(f"{path.name} is no file")
        content = read_given(path)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from None
    if len(content) > MAX_PEM:
        raise BadInput(f"{path.name} has more than {MAX_PEM // 1024} KiB")
    return content


def _signature(path: Path) -> Signature:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
