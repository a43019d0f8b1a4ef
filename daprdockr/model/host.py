# -*- test-case-name: tests.unit.engine.test_answers -*-
"""
The contents of a host's Docker Engine, as values: containers, their published ports, images.

Note [The name is the mark]
    What a container is made from proves nothing: an image brings its labels along, and tools that duplicate a container
    copy all that ``docker inspect`` shows. But no two containers of one Engine have the same name. So a label states
    the name that the agent gave, and a container is ours if that is its name. A copy has another one: it is reported
    and left alone, also when the original is gone.

    People rename containers. One that was renamed is still ours if this agent knew it before, or if a claim of this
    node names its id, or the record of a run; otherwise nothing distinguishes it from a copy, and it is left alone like
    one.

    Tools that bring a container up to date give the name of ours to a new one with the same labels. While ours is still
    there under another name, the new one counts as a copy. When ours is gone, the new one has been put in its place,
    and is adopted: otherwise the agent would run a second container beside it.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Mapping

from attrs import field, frozen

from daprdockr.model.names import InstanceName

LABEL_PREFIX = "io.daprdockr."
LABEL_NODE = LABEL_PREFIX + "node"
LABEL_INSTANCE = LABEL_PREFIX + "instance"
LABEL_DEFINITION = LABEL_PREFIX + "definition"
LABEL_CLUSTER = LABEL_PREFIX + "cluster"
LABEL_REVISION = LABEL_PREFIX + "revision"
LABEL_DEFINED = LABEL_PREFIX + "defined"
LABEL_ON_PARTITION = LABEL_PREFIX + "on-partition"
LABEL_NAME = LABEL_PREFIX + "name"
LABEL_HEALTH = LABEL_PREFIX + "health"
LABEL_RUN = LABEL_PREFIX + "run"
LABEL_ARCHIVE = LABEL_PREFIX + "archive"


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
    """One container that carries our labels."""

    id: str
    """The Engine's id, 64 hex digits."""
    name: str
    """Its present name in the Engine."""
    instance: InstanceName
    """The instance that it is a container of."""
    definition: str
    """The digest of the definition that it was created from."""
    status: Status
    """Its state, as the Engine reports it."""
    cluster: int = 0
    """The identity of the etcd under which it was created (0: not known)."""
    revision: int = 0
    """The create revision of the claim under which it was created (0: not known)."""
    ports: tuple[Port, ...] = ()
    """Its published ports."""
    exit_code: int = 0
    """The exit status of its last run."""
    error: str = ""
    """The reason why it could not start ("": none, or an Engine that was about to end)."""
    oom_killed: bool = False
    """Whether the kernel killed a process in it, in its last run, because its memory was used up."""
    started: float = 0.0
    """When it started last: seconds since the epoch, by the Engine's clock (0.0: never)."""
    finished: float = 0.0
    """When it ended last: seconds since the epoch, by the Engine's clock (0.0: never)."""
    health: str = ""
    """The verdict of the image's own HEALTHCHECK: "" (it has none), "starting", "healthy" or "unhealthy"."""
    address: str = ""
    """Its own IP address on its first network ("": none)."""
    stop_timeout: int = 10
    """Seconds between the stop signal and KILL."""
    on_partition: str = "keep"
    """``OnPartition`` of its definition: with "stop" the guard ends it with the lease."""
    cut_off: str = ""
    """The network that was taken from it; neither that network nor a start gives it back ("": none)."""
    former: str = ""
    """The former name of this node, if the container was made under that ("": under the present one)."""
    made_as: str = ""
    """The name that its label states, if that is not its name ("": it is): Note [The name is the mark]."""
    defined: int = 0
    """The revision of its definition (0: an older agent made it, and did not write it down)."""
    run: int = 0
    """The number of the run that it carries out (0: it is a copy of an instance)."""
    check: str = ""
    """The health check of its definition when it was created, as JSON ("": an older agent made it)."""
    volumes: tuple[str, ...] = ()
    """The volumes of the driver ``local`` that it mounts, by name."""
    signalled: bool = field(default=False, eq=False)
    """Whether it was seen to end soon after it was sent a signal; the Engine does not say so later."""
    complaint: str = field(default="", eq=False)
    """The last line of the image's own HEALTHCHECK when it was inspected ("": none, or it has none)."""

    @property
    def mark(self) -> str:
        """The name that a container has in common with its copies."""
        return self.made_as or self.name

    @property
    def running(self) -> bool:
        return self.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)

    @property
    def out_of_memory(self) -> bool:
        """
        Return whether it ended because its memory was used up. ``oom_killed`` says so of a worker or a health check in
        it, too, which may have been killed long before the container ended for another reason.
        """
        return self.oom_killed and self.exit_code == 128 + signal.SIGKILL and not self.signalled


@frozen
class Executed:
    """A command that ended inside a container: its exit ``status``, 124 if it took too long, and what it wrote last."""

    status: int
    output: bytes = b""


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
    """
    An image on this host: its id, the ports it exposes, and the digest under which the registry of its reference knows
    it ("": none does).
    """

    id: str
    exposed: tuple[Port, ...] = ()
    digest: str = ""


@frozen
class Volume:
    """A volume on this host: its driver, and the options that the driver has for it."""

    driver: str = "local"
    options: Mapping[str, str] = field(factory=dict)


def made_as(labels: Mapping[str, str], name: str) -> str:
    """Return the name that the labels of a container state, "" if it has that. See Note [The name is the mark]."""
    former = f"{labels.get(LABEL_INSTANCE, '')}-{labels.get(LABEL_DEFINITION, '')}"
    stated = labels.get(LABEL_NAME, former)
    return "" if stated == name else stated
