# -*- test-case-name: tests.unit.planning.placing.test_tied -*-
"""Whether this node has the data of an instance, and may take it: Note [Tied to a node] in ``tied``."""

from __future__ import annotations

from collections.abc import Collection

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.volume import UNKNOWN
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.fitting import able, room
from daprdockr.planning.placing.tied import tie, ties
from daprdockr.planning.situation import Situation


def homes(situation: Situation, definition: Definition) -> dict[int, str]:
    """Return, by number, the node with the data of each tied instance."""
    found = ties(definition, situation.claims.volumes)
    here = situation.here.node
    return {n: here if _is_here(situation, definition, n, node) else node for n, node in found.items()}


def _is_here(situation: Situation, definition: Definition, number: int, node: str) -> bool:
    """
    Return whether the data is here that is on ``node``, which may be a former name of this node; where the record
    cannot be read, whether a container here shows it: Note [Tied to a node] in ``tied``.
    """
    here, owner = situation.here, situation.claims.owners.get(number)
    if node != UNKNOWN:
        return node == here.node or node in here.former
    owned, copies = owner is not None and owner.node == here.node, situation.host.containers.get(number, ())
    serving = (copy for copy in copies if owned or (copy.running and copy.id not in situation.host.stopping))
    return any(not set(definition.container.kept_volumes).isdisjoint(copy.volumes) for copy in serving)


def tied_elsewhere(situation: Situation, number: int) -> str:
    """Return the other node that has the data of an instance; "" if there is none."""
    if situation.service is None:
        return ""
    definition = situation.service.definition
    node = tie(definition, situation.claims.volumes.get(number))
    return "" if not node or _is_here(situation, definition, number, node) else node


def why_tied(situation: Situation, number: int) -> str:
    """Return why this node makes no container of an instance, although it has claimed it; "" if it does."""
    node = tied_elsewhere(situation, number)
    if node == UNKNOWN:
        return "the record of which node has its volume cannot be read"
    return f"its volume {', '.join(situation.claims.volumes[number].record.volumes)} is on {node}" if node else ""


def empty_volumes(situation: Situation, instance: InstanceName) -> tuple[str, ...]:
    """
    Return the volumes that an instance of ours would keep, and that have no data of it: nothing is written down of
    them, which comes before each container, and none is here. See Note [Giving up] in ``failing``.
    """
    if situation.service is None or instance.number in situation.claims.volumes or situation.of(instance):
        return ()
    return situation.service.definition.container.kept_volumes


def at_home(situation: Situation, definition: Definition, numbers: Collection[int]) -> list[int]:
    """Return those of the free instances with data here that this node may take."""
    itself = [one for one in situation.placing.candidates if one.name == situation.here.node]
    left = sum(room(definition, able(definition, itself)).values())
    return sorted(numbers)[: int(min(left, len(numbers)))]
