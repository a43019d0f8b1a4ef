# -*- test-case-name: tests.unit.planning.placing.test_leaving,tests.unit.planning.placing.test_moves -*-
"""
Moves that are under way, and the room that they take: a node that prepares to take an instance over counts it already.

Note [First begun, first served]
    Moves that began at one moment, of one node or of several, may want the last room of a node together. Each owner
    looks for room as if neither its own move nor any that began after it were under way. So the move that began first
    goes on, and those end for which no room is left. If each owner counted all others, all of these moves would end,
    and begin again, without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve, frozen

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.container import Container
from daprdockr.planning.candidates import Candidate


@frozen
class Move:
    """
    An instance on its way to a node.

    :ivar begun: the revision at which the node began to prepare for it.
    """

    begun: int
    instance: InstanceName
    node: str
    container: Container

    @property
    def precedence(self) -> tuple[int, InstanceName]:
        return self.begun, self.instance


def moves(services: Mapping[ServiceName, Service], successors: Mapping[ServiceName, Mapping[int, Claim]]) -> list[Move]:
    """Return the moves of these services, those that began first at the beginning."""
    known = ((name, services[name].definition.container) for name in successors if name in services)
    found = (
        Move(one.fence, InstanceName(name, number), one.node, container)
        for name, container in known
        for number, one in successors[name].items()
    )
    return sorted(found, key=lambda one: one.precedence)


def before_move(
    candidates: Sequence[Candidate], own: Collection[Move], under_way: Iterable[Move]
) -> Sequence[Candidate]:
    """
    Return the candidates as they were before ``own`` moves began: Note [First begun, first served].

    :param under_way: all moves.
    """
    if not own:
        return candidates
    first = min(one.precedence for one in own)
    return counted(candidates, [one for one in under_way if one.precedence >= first], -1)


def counted(candidates: Sequence[Candidate], some: Iterable[Move], sign: int = 1) -> Sequence[Candidate]:
    """Return the candidates with the room of some moves counted once more; with -1 once less."""
    there: dict[str, list[Move]] = {}
    for one in some:
        there.setdefault(one.node, []).append(one)
    if not there:
        return candidates
    return [_with(one, there[one.name], sign) if one.name in there else one for one in candidates]


def _with(candidate: Candidate, some: Sequence[Move], sign: int) -> Candidate:
    ports = Counter(candidate.ports)
    for move in some:
        ports.update({(port.protocol, port.host): sign for port in move.container.host_ports})
    memory = candidate.memory - sign * sum(move.container.memory for move in some)
    cpus = candidate.cpus - sign * sum(move.container.cpus for move in some)
    return evolve(candidate, ports=ports, memory=memory, cpus=cpus)
