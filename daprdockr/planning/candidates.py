# -*- test-case-name: tests.unit.planning.test_candidates,tests.unit.planning.test_fixed_ports -*-
"""
The nodes that may take instances, in the form for placement: labels, claims, the room that is left, images. Made from
the mirror alone, so that every node that sees the same state sees the same candidates. ``fitting`` says which of them a
definition fits.

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


def failing(service: ServiceName, claims: Iterable[Claim], candidates: Iterable[Candidate]) -> set[str]:
    """Return the nodes on which a service does not come up, by its claims and the nodes' records."""
    written, reported = str(service), {claim.node for claim in claims if claim.record.fails}
    return reported.union(c.name for c in candidates if c.dark or written in c.fails)


def runs_elsewhere(claims: Iterable[Claim], node: str, digest: str) -> bool:
    """Return whether one of a service's claims, of another node than this, runs the definition with this digest."""
    running = (State.RUNNING, State.UNHEALTHY)
    return any(c.node != node and c.record.state in running and c.record.definition == digest for c in claims)


@functools.lru_cache(maxsize=4096)
def mark(reference: str) -> str:
    """Return a short mark of an image reference, the same for ``nginx`` and ``docker.io/library/nginx:latest``."""
    short = reference.removeprefix("docker.io/").removeprefix("library/")
    if "@" not in short and ":" not in short.rpartition("/")[2]:
        short += ":latest"
    return hashlib.blake2b(short.encode(), digest_size=4).hexdigest()
