# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""The meaning of a change of the mirror for its subscribers."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Broken


@frozen
class Changes:
    """
    The services to plan again, whether nodes changed, and which values are broken that were not broken before, or not
    for the same reason. ``progress`` says that nodes reported how far they are, which concerns only those that wait;
    ``certificates`` that one was stored, replaced or deleted.
    """

    services: frozenset[ServiceName] = frozenset()
    nodes: bool = False
    broken: tuple[Broken, ...] = ()
    progress: bool = False
    certificates: bool = False
