"""
The operator's pages for requests that nginx refuses: which files there are, and whether they can be used.

``lua/door/pages.lua`` reads them as nginx starts, and has pages of its own for what is not there.
"""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

MAX_BYTES = 256 * 1024
"""The largest page; nginx keeps all of them in memory."""

_NAME = re.compile(r"[45][0-9]{2}\.(?:html|txt)", re.ASCII)


@frozen
class Pages:
    """
    :ivar directory: absolute path of the directory that has them.
    :ivar digest: differs for other contents, so that the configuration does too and nginx reads them anew.
    """

    directory: str
    digest: str


def pages_in(directory: Path) -> Pages:
    """
    Return the pages there; other files are ignored. Blocking.

    :raises BadInput: the directory cannot be read, or one of the pages is no usable file.
    """
    digest = hashlib.sha256()
    try:
        names = sorted(entry.name for entry in directory.iterdir() if _NAME.fullmatch(entry.name))
        for name in names:
            content = _content(directory / name)
            digest.update(f"{name} {len(content)} ".encode() + content)
    except OSError as error:
        raise BadInput(f"pages in {shorten(str(directory))} cannot be read: {error.strerror}") from None
    return Pages(str(directory), digest.hexdigest()[:16])


def _content(path: Path) -> bytes:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"page {path.name} is no file")
    if found.st_size > MAX_BYTES:
        raise BadInput(f"page {path.name} is larger than {MAX_BYTES // 1024} KiB")
    return path.read_bytes()
