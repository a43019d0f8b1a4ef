# -*- test-case-name: tests.unit.page.test_render -*-
"""
The page in parts that change by themselves. Each fragment has the values that it shows: while these are equal the text
is, so nothing is written again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from attrs import frozen

from daprdockr.page import views
from daprdockr.page.glance import glance
from daprdockr.page.seen import Seen


class FragmentKind(enum.Enum):
    """The macro that writes a fragment."""

    GLANCE = "glance"
    NODE = "node"
    SERVICE = "service"
    TIMELINE = "timeline"
    CERTIFICATES = "certificates"


@frozen
class Fragment:
    """``key`` is the id of its element; ``shown`` are the arguments of its macro."""

    key: str
    kind: FragmentKind
    shown: tuple[object, ...]


def fragments(seen: Seen) -> Iterator[Fragment]:
    """Yield the fragments in the order of the page."""
    yield Fragment("glance", FragmentKind.GLANCE, (glance(seen),))
    for node in views.nodes(seen):
        key = f"node-{node.name}" if node.name != views.NOWHERE else "nowhere"
        yield Fragment(key, FragmentKind.NODE, (key, node))
    for service in views.services(seen):
        key = f"service-{service.name}"
        yield Fragment(key, FragmentKind.SERVICE, (key, service))
    shown = views.happened(seen.happened, seen.overview.services.rows)
    yield Fragment("timeline", FragmentKind.TIMELINE, (shown, seen.unread))
    yield Fragment("certificates", FragmentKind.CERTIFICATES, (views.certificates(seen),))
