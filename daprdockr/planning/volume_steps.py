# -*- test-case-name: tests.unit.planning.placing.test_tied -*-
"""The steps about the records of where the data of instances is, as ``steps`` has the others."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.planning.lanes import InLane, Lane


@frozen
class OnVolumes(InLane):
    """A step about the record of an instance's volumes; several are a step about the first of them."""

    instance: InstanceName

    @property
    def lane(self) -> Lane:
        return Lane("volumes", self.instance)


@frozen
class RecordVolumes(OnVolumes):
    """
    Write down that this node has the volumes of an instance that it owns; compared with ``fence``, the claim's create
    revision, and with ``revision``, that of the last write of the record (0: there is none).
    """

    record: VolumeRecord
    fence: int
    revision: int

    def __str__(self) -> str:
        return f"note that the volumes of {self.instance} are here"


@frozen
class NoteOverdue(OnVolumes):
    """
    Notify people that an instance has waited too long for the node with its volumes; compared with ``revision``, and
    nobody may have claimed it.
    """

    record: VolumeRecord
    revision: int

    def __str__(self) -> str:
        return f"note that {self.instance} still waits for {self.record.node}"


@frozen
class ForgetVolumes(OnVolumes):
    """Delete the records of the instances of a service that was deleted, by their ``numbers``."""

    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"forget where the volumes of {self.instance.service} are"


VolumeStep = RecordVolumes | NoteOverdue | ForgetVolumes
