# -*- test-case-name: tests.unit.planning.placing.test_tied -*-
"""Whether this node has the data of an instance, and may take it: Note [Tied to a node] in ``tied``."""

from __future__ import annotations

from collections.abc import Collection

from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import able, has_ports, room
from daprdockr.planning.placing.tied import tie, ties
from daprdockr.planning.situation import Situation


def homes(situation: Situation, definition: Definition) -> dict[int, str]:
    """Return, by number, the node with the data of each tied instance; what has a former name of this node is here."""
    found, here = ties(definition, situation.claims.volumes), situation.here
    return {number: here.node if node in here.former else node for number, node in found.items()}


def tied_elsewhere(situation: Situation, number: int) -> str:
    """Return the other node that has the data of an instance; "" if there is none."""
    if situation.service is None:
        return ""
    node, here = tie(situation.service.definition, situation.claims.volumes.get(number)), situation.here
    return "" if node == here.node or node in here.former else node


def why_tied(situation: Situation, number: int) -> str:
    """Return why this node makes no container of an instance, although it has claimed it; "" if it does."""
    node = tied_elsewhere(situation, number)
    return f"its volume {', '.join(situation.claims.volumes[number].record.volumes)} is on {node}" if node else ""


def at_home(situation: Situation, definition: Definition, numbers: Collection[int]) -> list[int]:
    """Return those of the free instances with data here that this node may take."""
    itself = [one for one in situation.placing.candidates if one.name == situation.here.node]
    fit = [one for one in able(definition, itself) if has_ports(definition, one)]
    left = sum(room(definition, fit).values())
    return sorted(numbers)[: int(min(left, len(numbers)))]
