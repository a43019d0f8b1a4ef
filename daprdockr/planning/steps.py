"""
The steps a plan is made of. Each is a value that says what to do, to what, and why; each prints as one line.

Steps of one lane are carried out one after another; different lanes run side by side. An instance has a lane for
its claim and one for its container, so that a restart never waits for etcd.
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.definition import Definition
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName
from daprdockr.model.records import ClaimRecord


@frozen
class Lane:
    """What a step must not overlap with another step of: an instance's "claim" or "container", or an "image"."""

    kind: str
    name: str


@frozen
class TakeClaim:
    """Become the owner of a free instance: create its key under this node's lease."""

    instance: InstanceName
    record: ClaimRecord

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        return f"claim {self.instance}"


@frozen
class WriteClaim:
    """Tell the state of an instance this node owns; compared with ``fence``, the claim's create revision."""

    instance: InstanceName
    record: ClaimRecord
    fence: int

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        because = f" ({self.record.reason})" if self.record.reason else ""
        return f"tell that {self.instance} is {self.record.state.value}{because}"


@frozen
class ReleaseClaim:
    """Give up an instance that is not wanted any more; compared with ``fence``."""

    instance: InstanceName
    fence: int

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        return f"release {self.instance}"


@frozen
class TakeSuccession:
    """Become the one that takes an instance over from its owner: create the successor's key under this node's lease."""

    instance: InstanceName
    record: ClaimRecord

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        return f"prepare to take over {self.instance}"


@frozen
class Succeed:
    """
    Take the owner's place: one transaction compares both create revisions, the owner's (``owner``) and ours
    (``fence``), puts our record and lease into the claim, and deletes the successor's key.
    """

    instance: InstanceName
    record: ClaimRecord
    owner: int
    fence: int

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        return f"take over {self.instance}"


@frozen
class DropSuccession:
    """Give up a succession that has become pointless; compared with ``fence``."""

    instance: InstanceName
    fence: int

    @property
    def lane(self) -> Lane:
        return Lane("claim", str(self.instance))

    def __str__(self) -> str:
        return f"no longer take over {self.instance}"


@frozen
class PullImage:
    """Find out what this host has under an image reference, and pull it if that is nothing."""

    reference: str

    @property
    def lane(self) -> Lane:
        return Lane("image", self.reference)

    def __str__(self) -> str:
        return f"pull {self.reference}"


@frozen
class CreateContainer:
    """Create a container for a claimed instance. ``ports`` are to be published, where possible on their host port."""

    instance: InstanceName
    definition: Definition
    ports: tuple[Port, ...]
    fence: int

    @property
    def lane(self) -> Lane:
        return Lane("container", str(self.instance))

    def __str__(self) -> str:
        return f"create a container of {self.definition.container.image} for {self.instance}"


@frozen
class StartContainer:
    """Start a container that exists and does not run."""

    instance: InstanceName
    container: str

    @property
    def lane(self) -> Lane:
        return Lane("container", str(self.instance))

    def __str__(self) -> str:
        return f"start container {self.container[:12]} of {self.instance}"


@frozen
class StopContainer:
    """Ask a container to stop and kill it after ``grace`` seconds."""

    instance: InstanceName
    container: str
    grace: int
    reason: str

    @property
    def lane(self) -> Lane:
        return Lane("container", str(self.instance))

    def __str__(self) -> str:
        return f"stop container {self.container[:12]} of {self.instance}: {self.reason}"


@frozen
class RemoveContainer:
    """Remove a container that does not run."""

    instance: InstanceName
    container: str
    reason: str

    @property
    def lane(self) -> Lane:
        return Lane("container", str(self.instance))

    def __str__(self) -> str:
        return f"remove container {self.container[:12]} of {self.instance}: {self.reason}"


ClaimStep = TakeClaim | WriteClaim | ReleaseClaim | TakeSuccession | Succeed | DropSuccession
CLAIM_STEPS = (TakeClaim, WriteClaim, ReleaseClaim, TakeSuccession, Succeed, DropSuccession)
ContainerStep = PullImage | CreateContainer | StartContainer | StopContainer | RemoveContainer
Step = ClaimStep | ContainerStep
