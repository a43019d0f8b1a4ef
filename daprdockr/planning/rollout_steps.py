# -*- test-case-name: tests.unit.planning.test_plan -*-
"""The steps about rollouts and their slots, as ``steps`` has the others."""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.lanes import InLane, Lane


@frozen
class OnSlot(InLane):
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
class OnRollout(InLane):
    """A step about the rollout of a service as a whole; compared with ``revision``, its definition's mod revision."""

    service: ServiceName
    revision: int

    @property
    def lane(self) -> Lane:
        return Lane("rollout", str(self.service))


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
    Write down the ``digest`` to which a restart resolved the image, and for the way back that of the image from which
    the ``former`` container was made ("": there is none here): Note [One image for a restart] in
    ``model.wanted.pinned``.
    """

    digest: str
    former: str = ""

    def __str__(self) -> str:
        return f"restart {self.service} with {self.digest}"


SlotStep = TakeSlot | FreeSlot
RolloutStep = StopRollout | MarkGood | PinImage
