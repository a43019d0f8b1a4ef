"""What a host's Docker Engine holds, as values: containers, their published ports, images."""

from __future__ import annotations

import enum

from attrs import frozen

from daprdockr.model.names import InstanceName

LABEL_PREFIX = "io.daprdockr."
LABEL_NODE = LABEL_PREFIX + "node"
LABEL_INSTANCE = LABEL_PREFIX + "instance"
LABEL_DEFINITION = LABEL_PREFIX + "definition"
LABEL_CLUSTER = LABEL_PREFIX + "cluster"
LABEL_REVISION = LABEL_PREFIX + "revision"
LABEL_ON_PARTITION = LABEL_PREFIX + "on-partition"


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

    ``definition`` is the digest of the definition it was created from; ``cluster`` the id of the etcd cluster
    and ``revision`` the claim's create revision it was created under; ``started`` and ``finished`` are the
    Engine's wall-clock times in seconds since the epoch (0.0: never). ``health`` is the verdict of the
    image's own HEALTHCHECK: "" (none), "starting", "healthy" or "unhealthy". ``address`` is the container's own
    on its first network ("": none); ``stop_timeout`` the seconds it has between the stop signal and KILL.
    ``on_partition`` is that of the definition: "stop" says that the guard ends it with the lease.
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

    @property
    def running(self) -> bool:
        return self.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


@frozen
class Inventory:
    """What a host has: memory in bytes, processors, and the references of its images, by tag and by digest."""

    memory: int = 0
    cpus: int = 0
    images: frozenset[str] = frozenset()


@frozen
class Image:
    """An image on this host: its id, the ports it exposes, and whether it brings a HEALTHCHECK."""

    id: str
    exposed: tuple[Port, ...] = ()
    has_healthcheck: bool = False
