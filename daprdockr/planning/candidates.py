# -*- test-case-name: tests.unit.planning.test_candidates,tests.unit.planning.test_fixed_ports -*-
"""
The nodes that may take instances, in the form for placement: labels, claims, the room that is left, images. Made from
the mirror alone, so that every node that sees the same state sees the same candidates.

Memory is in bytes and processors are counted as in Docker's ``--cpus``. Only the resources that definitions state are
counted: an instance without a stated memory takes none.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.container import Container
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.placement import Constraint

MOST_IMAGES = 256
"""The most images that a node reports: its record must stay small."""


class Bar(enum.Enum):
    """A kind of reason why a node does not run an instance, or runs it only when no other node can."""

    ABSENT = "absent"
    NOT_READY = "not-ready"
    CORDONED = "cordoned"
    DRAINING = "draining"
    PRIVILEGE = "privilege"
    KEY = "key"
    CONSTRAINT = "constraint"
    VOLUME = "volume"
    ONE_PER_NODE = "one-per-node"
    PORT = "port"
    MEMORY = "memory"
    CPUS = "cpus"
    FAILING = "failing"
    DARK = "dark"


@frozen
class Hindrance:
    """Why a node does not run an instance; ``text`` says it to people, about the node."""

    bar: Bar
    text: str


UNKNOWN = "it has just begun, or its Docker Engine does not answer"
"""Why a node is not ready whose agent is older than the reason in its record."""


@frozen
class Candidate:
    """
    A node that may take instances. ``load`` counts its claims and successions; ``memory`` and ``cpus`` are what these
    leave of the host (infinite: unknown); ``ports`` counts for how many of them definitions fix a host port;
    ``images`` are marks of its images; ``allow`` are the privileges that definitions may use there (None: all);
    ``fails`` are services that do not come up there; on one that is ``dark`` nothing does; ``keys`` are those with
    which it opens secrets; one that ``keeps`` its instances gives none to even out the load.
    """

    name: str
    labels: Mapping[str, str]
    load: int
    memory: float = math.inf
    cpus: float = math.inf
    ports: Mapping[tuple[str, int], int] = field(factory=dict, kw_only=True)
    images: frozenset[str] = field(default=frozenset())
    allow: frozenset[str] | None = None
    fails: frozenset[str] = field(default=frozenset())
    dark: bool = False
    keys: frozenset[str] = frozenset()
    keeps: bool = False


def candidates(cluster: ClusterView) -> tuple[Candidate, ...]:
    """Return all nodes that are ready and not cordoned, by name."""
    found = (candidate(cluster, name) for name in sorted(cluster.nodes))
    return tuple(one for one in found if one is not None)


def candidate(cluster: ClusterView, name: str) -> Candidate | None:
    """Return one node as a candidate; None while it takes no instances."""
    if unavailable(cluster, name) is not None:
        return None
    record, placed = cluster.nodes[name].record, cluster.layout.placed.get(name, Counter())
    known = [(cluster.services[s].definition.container, n) for s, n in placed.items() if s in cluster.services]
    return Candidate(
        name=name,
        labels=record.labels,
        load=placed.total(),
        memory=record.memory - sum(c.memory * count for c, count in known) if record.memory else math.inf,
        cpus=record.cpus - sum(c.cpus * count for c, count in known) if record.cpus else math.inf,
        ports=_fixed(known),
        images=frozenset(record.images),
        allow=None if record.allow is None else frozenset(record.allow),
        fails=frozenset(record.fails),
        dark=bool(record.trouble),
        keys=frozenset(record.keys),
        keeps=record.keeps,
    )


def unavailable(cluster: ClusterView, name: str) -> Hindrance | None:
    """Return why a node takes no instances, of whatever service; None if it does."""
    node = cluster.nodes.get(name)
    if node is None:
        return Hindrance(Bar.ABSENT, "no agent reports from it")
    if not node.record.ready:
        return Hindrance(Bar.NOT_READY, f"not ready: {node.record.unready or UNKNOWN}")
    if name in cluster.cordoned:
        draining = name in cluster.draining
        return Hindrance(Bar.DRAINING, "it is drained") if draining else Hindrance(Bar.CORDONED, "it is cordoned")
    return None


def _fixed(known: Iterable[tuple[Container, int]]) -> Counter[tuple[str, int]]:
    ports: Counter[tuple[str, int]] = Counter()
    for container, count in known:
        ports.update({(port.protocol, port.host): count for port in container.host_ports})
    return ports


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


def failing(service: ServiceName, claims: Iterable[Claim], candidates: Iterable[Candidate]) -> set[str]:
    """Return the nodes on which a service does not come up, by its claims and the nodes' records."""
    written, reported = str(service), {claim.node for claim in claims if claim.record.fails}
    return reported.union(c.name for c in candidates if c.dark or written in c.fails)


def runs_elsewhere(claims: Iterable[Claim], node: str, digest: str) -> bool:
    """Return whether one of a service's claims, of another node than this, runs the definition with this digest."""
    running = (State.RUNNING, State.UNHEALTHY)
    return any(c.node != node and c.record.state in running and c.record.definition == digest for c in claims)


def why_nowhere(definition: Definition, candidates: Iterable[Candidate]) -> str:
    """Return why no node may take an instance of this definition, for people; "" if one may."""
    there = list(candidates)
    if not there:
        return "no node is ready"
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


@functools.lru_cache(maxsize=4096)
def mark(reference: str) -> str:
    """Return a short mark of an image reference, the same for ``nginx`` and ``docker.io/library/nginx:latest``."""
    short = reference.removeprefix("docker.io/").removeprefix("library/")
    if "@" not in short and ":" not in short.rpartition("/")[2]:
        short += ":latest"
    return hashlib.blake2b(short.encode(), digest_size=4).hexdigest()
