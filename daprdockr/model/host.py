# -*- test-case-name: tests.unit.engine.test_answers -*-
"""
The contents of a host's Docker Engine, as values: containers, their published ports, images.

Note [A mark that is not a label]
    Labels prove nothing: an image brings its own along, ``docker commit`` copies them, and anybody can set them. But no
    image determines a container's name or its ``HostConfig``, and no two containers of one Engine have the same name.
    So a label states the name that the agent gave. A container is ours if that is its name, or, since people rename
    containers, if its ``ContainerIDFile`` has that value: a text for the command line, which the Engine stores and does
    not use. Any other container that carries our labels is reported and left alone. If two containers bear the mark,
    the claim, which names the id of one, distinguishes them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

from attrs import frozen

from daprdockr.model.names import InstanceName

LABEL_PREFIX = "io.daprdockr."
LABEL_NODE = LABEL_PREFIX + "node"
LABEL_INSTANCE = LABEL_PREFIX + "instance"
LABEL_DEFINITION = LABEL_PREFIX + "definition"
LABEL_CLUSTER = LABEL_PREFIX + "cluster"
LABEL_REVISION = LABEL_PREFIX + "revision"
LABEL_ON_PARTITION = LABEL_PREFIX + "on-partition"
LABEL_NAME = LABEL_PREFIX + "name"


class Status(enum.Enum):
    """The Engine's own words for the state of a container (Docker API, ``ContainerInspect``)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@frozen(order=True)
class Port:
    """A port of a container and the port of the host where it is published (0: not chosen yet)."""

    container: int
    protocol: str = "tcp"
    host: int = 0


@frozen
class ContainerState:
    """
    One container that carries our labels.

    ``definition`` is the digest of the definition it was created from; ``cluster`` the id of the etcd cluster and
    ``revision`` the claim's create revision it was created under; ``started`` and ``finished`` are the Engine's
    wall-clock times in seconds since the epoch (0.0: never). ``health`` is the verdict of the image's own
    HEALTHCHECK: "" (none), "starting", "healthy" or "unhealthy". ``address`` is the container's own on its first
    network ("": none); ``stop_timeout`` the seconds it has between the stop signal and KILL. ``on_partition`` is
    that of the definition: "stop" says that the guard ends it with the lease. ``cut_off`` names the network that it
    was created for when that was taken from it; neither the network nor a start gives it back. ``former`` is the
    name under which this node made it, if it has another one now.
    """

    id: str
    name: str
    instance: InstanceName
    definition: str
    status: Status
    cluster: int = 0
    revision: int = 0
    ports: tuple[Port, ...] = ()
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started: float = 0.0
    finished: float = 0.0
    health: str = ""
    address: str = ""
    stop_timeout: int = 10
    on_partition: str = "keep"
    cut_off: str = ""
    former: str = ""

    @property
    def running(self) -> bool:
        return self.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


@frozen
class EngineNetwork:
    """A network of the Engine, and the families of addresses (4, 6) that containers get on it."""

    name: str
    id: str
    families: frozenset[int]


@frozen
class Inventory:
    """
    A host's resources: memory in bytes, processors, the references of its images, by tag and by digest, the Engine's
    networks, and the other nodes that have containers there, each with its cluster.
    """

    memory: int = 0
    cpus: int = 0
    images: frozenset[str] = frozenset()
    networks: tuple[EngineNetwork, ...] = ()
    others: frozenset[tuple[str, int]] = frozenset()


@frozen
class Image:
    """An image on this host: its id, the ports it exposes, and whether it brings a HEALTHCHECK."""

    id: str
    exposed: tuple[Port, ...] = ()
    has_healthcheck: bool = False


def is_marked(labels: Mapping[str, str], texts: Collection[str]) -> bool:
    """
    Return whether an agent made the container. See Note [A mark that is not a label].

    :param texts: the values that only its maker can have given it: its name and its ``ContainerIDFile``.
    """
    former = f"{labels.get(LABEL_INSTANCE, '')}-{labels.get(LABEL_DEFINITION, '')}"
    return labels.get(LABEL_NAME, former) in texts
