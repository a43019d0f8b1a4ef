# -*- test-case-name: tests.unit.compose.test_merging -*-
"""The short form of a published port."""

from __future__ import annotations

import re

from daprdockr.compose.tree import PlacedMap
from daprdockr.compose.units import text
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_SHORT = re.compile(
    r"(?:(?:\[(?P<ip6>[0-9A-Fa-f:.]+)\]|(?P<ip>[\d.]+)):(?=[^/]*:))?(?:(?P<published>[\d-]*):)?(?P<target>[\d-]+)"
    r"(?:/(?P<protocol>\w+))?",
    re.ASCII,
)


def long_port(value: object) -> PlacedMap:
    """Return the long form of ``[[IP:]PUBLISHED:]TARGET[/PROTOCOL]``."""
    found = _SHORT.fullmatch(text(value).strip())
    if found is None:
        raise BadInput(f"{shorten(value)} is not usable, write a port such as 8080:80 or 53:53/udp")
    parts = {"target": found["target"], "published": found["published"], "protocol": found["protocol"]}
    parts["host_ip"] = found["ip"] or found["ip6"]
    return PlacedMap((name, part) for name, part in parts.items() if part)
