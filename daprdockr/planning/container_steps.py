# -*- test-case-name: tests.unit.planning.test_plan -*-
"""
The steps about the images and containers of this host, as ``steps`` has the others.

Note [One start at a time]
    Two generations of a container may stand side by side, and steps about one do not wait for the other, but for a
    start: as long as one copy of an instance is being started, no other one is. The planner sees a container run only
    after its start, and would otherwise start the second one beside it, where none or only one may run.
"""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.lanes import IMAGE, InLane, Lane


@frozen
class OnContainer(InLane):
    """
    A step about a container of an instance on this node. ``generation`` is the digest of the definition of that
    container; it follows from the container, and so is not compared.
    """

    instance: InstanceName
    generation: str = field(default="", kw_only=True, eq=False)

    @property
    def lane(self) -> Lane:
        return Lane("container", self.instance, self.generation)


@frozen
class PullImage(InLane):
    """
    Inspect the image of a reference on this host, and pull it if there is none, or if a person ``restarted`` a service
    that runs it ("" for no such reason): its tag may lead to another image by now.
    """

    reference: str
    restarted: str = ""

    @property
    def lane(self) -> Lane:
        return Lane(IMAGE, self.reference)

    def __str__(self) -> str:
        return f"pull {self.reference}"


@frozen
class CreateContainer(OnContainer):
    """
    Create a container for a claimed instance. ``ports`` are to be published, where possible on their host port;
    ``fence`` and ``defined`` are the revisions of the claim and of the definition. With the number of a ``run`` it is
    for that, and ``fence`` is the revision of its record; ``command`` takes the place of the definition's ``Cmd``.
    """

    definition: Definition
    ports: tuple[Port, ...]
    fence: int
    defined: int = 0
    run: int = 0
    command: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        return Lane("container", self.instance, self.definition.digest)

    def __str__(self) -> str:
        return f"create a container of {self.definition.image} for {self.instance}"


@frozen
class StartContainer(OnContainer):
    """Start a container that exists and does not run."""

    container: str

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """See Note [One start at a time]."""
        return (self.lane, Lane("start", self.instance))

    def __str__(self) -> str:
        return f"start container {self.container[:12]} of {self.instance}"


@frozen
class RenewFiles(OnContainer):
    """Put contents that changed into the mounted files of a running container, and signal that to its main process."""

    container: str

    @property
    def lane(self) -> Lane:
        return Lane("files", self.instance, self.generation)

    def __str__(self) -> str:
        return f"renew the files of container {self.container[:12]} of {self.instance}"


@frozen
class StopContainer(OnContainer):
    """
    Ask a container to stop and kill it after ``grace`` seconds. ``unhealthy`` says that it is stopped because its
    health check goes on failing, which counts as a failure of that generation.
    """

    container: str
    grace: int
    reason: str
    unhealthy: bool = False

    def __str__(self) -> str:
        return f"stop container {self.container[:12]} of {self.instance}: {self.reason}"


@frozen
class RemoveContainer(OnContainer):
    """Remove a container that does not run."""

    container: str
    reason: str

    def __str__(self) -> str:
        return f"remove container {self.container[:12]} of {self.instance}: {self.reason}"


ContainerStep = PullImage | CreateContainer | StartContainer | RenewFiles | StopContainer | RemoveContainer
