"""The files that the page refers to, under names with the digest of their content: so browsers keep them for good."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Mapping

from attrs import frozen

TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = ("page.css", "live.js", "icon.svg")


@frozen
class Asset:
    """A file: its path at the listener, its type, and its content."""

    path: str
    type: str
    digest: str
    content: bytes


def load(name: str) -> Asset:
    """Return a file of the package."""
    content = pkgutil.get_data("daprdockr.page", f"static/{name}")
    assert content is not None
    digest = hashlib.sha256(content).hexdigest()[:16]
    stem, _, kind = name.partition(".")
    return Asset(f"/page/{stem}-{digest}.{kind}", TYPES[kind], digest, content)


ASSETS: Mapping[str, Asset] = {name: load(name) for name in FILES}

EDITION = hashlib.sha256("".join(asset.digest for asset in ASSETS.values()).encode()).hexdigest()[:16]
"""Differs for agents whose pages have other files: a page that is open is loaded again when its agent was upgraded."""
