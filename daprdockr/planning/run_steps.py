# -*- test-case-name: tests.unit.planning.jobs.test_beginning,tests.unit.planning.jobs.test_tending -*-
"""The steps about the runs of jobs, as ``steps`` has the others."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.planning.lanes import InLane, Lane


@frozen
class OnRun(InLane):
    """A step about a run of a job, of that ``number``; several are a step about the first of them."""

    service: ServiceName
    number: int

    @property
    def lane(self) -> Lane:
        return Lane("run", f"{self.service} {self.number}")


@frozen
class WriteRun(OnRun):
    """
    Write the record of a run. That of a known one is compared with ``revision``, that of its last write; a new one,
    for which that is 0, with the number and revision of the newest one, ``after``: Note [Each run once] in
    ``model.stored.run``. ``defined`` is the mod revision that the definition must have (0: not compared). The records
    ``pruned`` are deleted; ``ended`` is a container whose last lines are kept with the record ("": none).
    """

    record: RunRecord
    revision: int = 0
    after: tuple[int, int] = (0, 0)
    defined: int = 0
    pruned: tuple[int, ...] = ()
    ended: str = ""

    def __str__(self) -> str:
        if self.record.state is RunState.SET:
            return f"note from when on {self.service} has runs"
        because = f" ({self.record.reason})" if self.record.reason else ""
        return f"note that run {self.number} of {self.service} is {self.record.state.value}{because}"


@frozen
class ForgetRuns(OnRun):
    """Delete the records of the runs of a service that was deleted."""

    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"forget the runs of {self.service}"


RunStep = WriteRun | ForgetRuns
