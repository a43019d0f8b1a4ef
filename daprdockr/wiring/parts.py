# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The parts of an agent that its listeners read: what they show is there already, and nothing is made for them."""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.wiring.deciding import Deciding
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


@frozen
class Parts:
    """The parts of one agent; ``judged`` are those by which its health is judged."""

    base: Foundation
    outward: Edges
    found: Found
    acting: Deciding
    judged: tuple[HasCondition, ...]
