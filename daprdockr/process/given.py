"""Files that an operator names or the system has, with unknown content: read up to a size. Blocking."""

from __future__ import annotations

import errno
from pathlib import Path

MOST_BYTES = 1024 * 1024
"""More than a bundle of all public authorities, or a list of name servers."""


def read_given(path: Path) -> bytes:
    """:raises OSError: it cannot be read, or is too long, which its ``strerror`` says."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES} bytes", str(path))
    return content
