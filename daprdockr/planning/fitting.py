# -*- test-case-name: tests.unit.planning.test_candidates,tests.unit.planning.test_fixed_ports -*-
"""
Whether a node fits a definition: by what it allows, the keys that it has and its labels, and by the room that is left;
and why none does, as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.placement import Constraint
from daprdockr.planning.candidates import Bar, Candidate, Hindrance


def meets(constraint: Constraint, candidate: Candidate) -> bool:
    """Return whether a node's labels meet a constraint; ``node`` is a label every node has."""
    value = candidate.name if constraint.label == "node" else candidate.labels.get(constraint.label)
    return (value == constraint.value) == constraint.equal


def able(definition: Definition, candidates: Iterable[Candidate]) -> list[Candidate]:
    """
    Return the candidates that meet all constraints of a definition, allow the privileges it needs, and can open its
    secrets.
    """
    if not (definition.placement.constraints or definition.container.privileges or definition.secrets):
        return list(candidates)
    return [candidate for candidate in candidates if barred(definition, candidate) is None]


def barred(definition: Definition, candidate: Candidate) -> Hindrance | None:
    """Return which privilege, secret or constraint of a definition keeps it from a node, whatever else is there."""
    needed = definition.container.privileges
    if not allows(candidate, needed):
        lacking = needed.difference(candidate.allow or ())
        return Hindrance(Bar.PRIVILEGE, f"it does not allow {','.join(sorted(lacking))}")
    if not opens(candidate, definition):
        lacks = "not the key to a secret of the service" if candidate.keys else "no cluster key, which secrets need"
        return Hindrance(Bar.KEY, f"it has {lacks}")
    for constraint in definition.placement.constraints:
        if not meets(constraint, candidate):
            return Hindrance(Bar.CONSTRAINT, f"{constraint.write()} is not met: {_has(candidate, constraint.label)}")
    return None


def _has(candidate: Candidate, label: str) -> str:
    value = candidate.name if label == "node" else candidate.labels.get(label)
    return f"it has no label {label}" if value is None else f"its {label} is {value}"


def opens(candidate: Candidate, definition: Definition) -> bool:
    """Return whether a node has the keys to the secrets of a definition, and any key for one that is not set yet."""
    needed = {use.key for use in definition.secrets if use.key}
    return not definition.secrets or (bool(candidate.keys) and needed <= candidate.keys)


def allows(candidate: Candidate, needed: frozenset[str]) -> bool:
    """Return whether a node lets definitions use these privileges."""
    return candidate.allow is None or needed <= candidate.allow


def why_nowhere(definition: Definition, candidates: Iterable[Candidate]) -> str:
    """Return why no node may take an instance of this definition, for people; "" if one may."""
    there = list(candidates)
    if not there:
        return "no node takes instances now"
    if fit := able(definition, there):
        return no_port(definition, fit, "node") or _no_room(definition, fit)
    needed = definition.container.privileges
    allowing = [candidate for candidate in there if allows(candidate, needed)]
    if not allowing:
        names = ",".join(sorted(needed))
        return f"no node allows {names}: start an agent with --allow {names}, or change the definition"
    if not any(opens(candidate, definition) for candidate in allowing):
        return "no node that may run it has the key to its secrets: copy the cluster key to the nodes"
    node = "node that has the key to its secrets" if definition.secrets else "node"
    return f"no {node} meets {', '.join(constraint.write() for constraint in definition.placement.constraints)}"


def why_unable(definition: Definition, candidates: Iterable[Candidate]) -> str:
    """Return why no node has what a definition asks for, whatever room is left; "" if one has."""
    there = list(candidates)
    return "" if able(definition, there) else why_nowhere(definition, there)


def _no_room(definition: Definition, candidates: Iterable[Candidate]) -> str:
    """Return that no node of these has the memory and the processors left; "" if one has."""
    if any(room(definition, candidates).values()):
        return ""
    memory, cpus = definition.container.memory, definition.container.cpus
    stated = [f"{_mebibytes(memory)} of memory"] if memory else []
    stated += [f"{cpus:g} processors"] if cpus else []
    return f"no node has {' and '.join(stated)} left"


def room(definition: Definition, candidates: Iterable[Candidate]) -> dict[str, float]:
    """Return, by node, for how many more instances it has memory, processors and host ports left."""
    memory, cpus, ports = definition.container.memory, definition.container.cpus, definition.container.host_ports
    if not (memory or cpus or ports):
        return {candidate.name: math.inf for candidate in candidates}
    most = 1 if ports else math.inf
    return {
        c.name: min(_fits(c.memory, memory), _fits(c.cpus, cpus), most) if has_ports(definition, c) else 0
        for c in candidates
    }


def full(definition: Definition, candidate: Candidate) -> Hindrance | None:
    """Return which room a node lacks for one more instance of a definition, with the numbers."""
    if room(definition, [candidate])[candidate.name]:
        return None
    container = definition.container
    if not has_ports(definition, candidate):
        taken = (p for p in container.host_ports if candidate.ports.get((p.protocol, p.host), 0) > 0)
        ports = ",".join(f"{port.host}/{port.protocol}" for port in taken)
        return Hindrance(Bar.PORT, f"host port {ports} is taken there by another instance")
    if not _fits(candidate.memory, container.memory):
        needed, left = _mebibytes(container.memory), _mebibytes(candidate.memory)
        return Hindrance(Bar.MEMORY, f"an instance needs {needed} of memory, {left} are left")
    return Hindrance(
        Bar.CPUS, f"an instance needs {container.cpus:g} processors, {max(0, candidate.cpus):.3g} are left"
    )


def _mebibytes(size: float) -> str:
    return f"{max(0, size) / 2**20:.1f}".removesuffix(".0") + " MiB"


def has_ports(definition: Definition, candidate: Candidate) -> bool:
    """Return whether no instance that a node has claimed is given a host port that this definition fixes."""
    return all(candidate.ports.get((port.protocol, port.host), 0) <= 0 for port in definition.container.host_ports)


def no_port(definition: Definition, candidates: Iterable[Candidate], node: str) -> str:
    """Return that no ``node`` of these has the host ports of a definition free, for people; "" if one has."""
    if any(has_ports(definition, candidate) for candidate in candidates):
        return ""
    ports = ",".join(f"{port.host}/{port.protocol}" for port in definition.container.host_ports)
    return f"no {node} has host port {ports} free: each node has it for one instance"


def _fits(left: float, stated: float) -> float:
    """Return the number that fits, rounded: tenths do not add up in binary, and ten times 0.1 must fit into 1."""
    return math.inf if left == math.inf or not stated else max(0, math.floor(left / stated + 1e-6))
