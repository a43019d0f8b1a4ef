# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.test_succession -*-
"""
The steps a plan is made of. Each is a value that says what to do, to which object, and why; each prints as one line.

Steps of one lane are carried out one after another; different lanes run side by side. An instance has a lane for its
claim and one for each generation of its container, so that a restart waits neither for etcd nor for the end of another
copy.

Note [One start at a time]
    Two generations of a container may stand side by side, and steps about one do not wait for the other, but for a
    start: as long as one copy of an instance is being started, no other one is. The planner sees a container run only
    after its start, and would otherwise start the second one beside it, where none or only one may run.
"""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.lanes import IMAGE, Lane
from daprdockr.planning.run_steps import RunStep
from daprdockr.planning.volume_steps import VolumeStep


@frozen
class OnClaim:
    """A step about the claim of an instance."""

    instance: InstanceName

    @property
    def lane(self) -> Lane:
        return Lane("claim", self.instance)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return (self.lane,)


@frozen
class OnContainer:
    """
    A step about a container of an instance on this node. ``generation`` is the digest of the definition of that
    container; it follows from the container, and so is not compared.
    """

    instance: InstanceName
    generation: str = field(default="", kw_only=True, eq=False)

    @property
    def lane(self) -> Lane:
        return Lane("container", self.instance, self.generation)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All that the step occupies."""
        return (self.lane,)


@frozen
class TakeClaim(OnClaim):
    """
    Become the owner of a free instance: create its key under this node's lease. ``volumes`` is the revision of the
    record of its volumes by which that was decided, 0 for none (None: it keeps no data, so it is not compared).
    """

    record: ClaimRecord
    volumes: int | None = None

    def __str__(self) -> str:
        return f"claim {self.instance}"


@frozen
class WriteClaim(OnClaim):
    """
    Report the state of an instance this node owns; compared with ``fence``, the claim's create revision, and with
    ``revision``, that of the last write of it, so that a write which arrives late does not undo a later one.
    """

    record: ClaimRecord
    fence: int
    revision: int

    def __str__(self) -> str:
        because = f" ({self.record.reason})" if self.record.reason else ""
        return f"report that {self.instance} is {self.record.state.value}{because}"


@frozen
class ReleaseClaim(OnClaim):
    """Give up an instance that is not wanted any more; compared with ``fence``."""

    fence: int

    def __str__(self) -> str:
        return f"release {self.instance}"


@frozen
class ReadClaim(OnClaim):
    """Find out whether a write about this instance whose answer was lost has happened."""

    def __str__(self) -> str:
        return f"read the claim of {self.instance}"


@frozen
class TakeSuccession(OnClaim):
    """Become the successor of an instance's owner: create the successor's key under this node's lease."""

    record: ClaimRecord

    def __str__(self) -> str:
        return f"prepare to take over {self.instance}"


@frozen
class Succeed(OnClaim):
    """
    Take the owner's place: one transaction compares both create revisions, the owner's (``owner``, with its
    ``owner_lease``) and ours (``fence``), puts our record and lease into the claim, and deletes the successor's key.
    """

    record: ClaimRecord
    owner: int
    owner_lease: int
    fence: int

    def __str__(self) -> str:
        return f"take over {self.instance}"


@frozen
class DropSuccession(OnClaim):
    """Give up a succession that has become pointless; compared with ``fence``."""

    fence: int

    def __str__(self) -> str:
        return f"no longer take over {self.instance}"


@frozen
class GiveUpSuccession(OnClaim):
    """
    The same, because our copy, of the definition with the digest ``generation``, did not come up in time: it counts as
    a lasting fault of that copy.
    """

    fence: int
    generation: str
    reason: str

    def __str__(self) -> str:
        return f"take over {self.instance}"


@frozen
class OnSlot:
    """
    A step about the slot of a rollout, of that ``number``, for an instance; compared with ``fence``, and with
    ``revision``, that of the last write of it, so that a request which arrives late does not undo a later one.
    """

    instance: InstanceName
    number: int
    fence: int
    revision: int = field(default=0, kw_only=True)

    @property
    def lane(self) -> Lane:
        return Lane("slot", self.instance)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return (self.lane,)


@frozen
class TakeSlot(OnSlot):
    """
    Become the one that replaces this instance's container: create the key under this node's lease, or, unless ``fence``
    is 0, go on with the slot that it has for an older definition.
    """

    definition: str

    def __str__(self) -> str:
        return f"take slot {self.number} of the rollout to replace the container of {self.instance}"


@frozen
class FreeSlot(OnSlot):
    """Let another instance have the slot."""

    def __str__(self) -> str:
        return f"free slot {self.number} of the rollout, which {self.instance} needs no more"


@frozen
class OnRollout:
    """A step about the rollout of a service as a whole; compared with ``revision``, its definition's mod revision."""

    service: ServiceName
    revision: int

    @property
    def lane(self) -> Lane:
        return Lane("rollout", str(self.service))

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return (self.lane,)


@frozen
class StopRollout(OnRollout):
    """
    End a rollout that failed, for the ``reason`` seen at ``instance``: put the former definition back, or, unless it
    ``reverts``, have it wait for a person. ``record`` is the mod revision of the rollout's record, 0 for none. ``run``
    is the number of the run of the command before the rollout, if that is what failed, otherwise 0.
    """

    instance: InstanceName
    reason: str
    reverts: bool
    record: int = 0
    run: int = 0

    def __str__(self) -> str:
        return f"{'revert' if self.reverts else 'pause'} the rollout of {self.service}: {self.instance}: {self.reason}"


@frozen
class MarkGood(OnRollout):
    """Note in the history that the service is healthy as a whole with its definition."""

    def __str__(self) -> str:
        return f"note that {self.service} is healthy as a whole"


@frozen
class PinImage(OnRollout):
    """
    Write down the ``digest`` to which a restart resolved the image, and for the way back that which it had ``before``
    ("": it is not known): Note [One image for a restart].
    """

    digest: str
    before: str = ""

    def __str__(self) -> str:
        return f"restart {self.service} with {self.digest}"


@frozen
class PullImage:
    """
    Inspect the image of a reference on this host, and pull it if there is none, or if a person ``restarted`` a service
    that runs it ("" for no such reason): its tag may lead to another image by now.
    """

    reference: str
    restarted: str = ""

    @property
    def lane(self) -> Lane:
        return Lane(IMAGE, self.reference)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return (self.lane,)

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


_Dropped = DropSuccession | GiveUpSuccession
ClaimStep = TakeClaim | ReadClaim | WriteClaim | ReleaseClaim | TakeSuccession | Succeed | _Dropped
SlotStep = TakeSlot | FreeSlot
RolloutStep = StopRollout | MarkGood | PinImage
ContainerStep = PullImage | CreateContainer | StartContainer | RenewFiles | StopContainer | RemoveContainer
Step = ClaimStep | SlotStep | RolloutStep | RunStep | VolumeStep | ContainerStep
