# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""What a change of the mirror means to those who follow it."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Broken


@frozen
class Changes:
    """
    The services to plan again, whether nodes changed, and which values are broken that were not broken before, or not
    for the same reason.
    """

    services: frozenset[ServiceName] = frozenset()
    nodes: bool = False
    broken: tuple[Broken, ...] = ()
