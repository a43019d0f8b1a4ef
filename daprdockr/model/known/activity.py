"""Rollouts and runs that the mirror knows: the slots of rollouts, how the last ones ended, and the runs of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import define, field

from daprdockr.model.errors import BadInput
from daprdockr.model.known.numbered import Numbered, put
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Change, Deleted, Entry
from daprdockr.model.stored.mirrored_keys import RolloutKey, RunKey, SlotKey
from daprdockr.model.stored.revisioned import KnownRun, Slot, StoppedRollout
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.model.stored.run import RunRecord
from daprdockr.model.stored.slot import SlotRecord

T = TypeVar("T")


class ReadEntry(Protocol):
    """It parses the value of an entry. :raises BadInput: if it cannot be read."""

    def __call__(self, entry: Entry, parse: Callable[[bytes], T]) -> T: ...


@define(eq=False)
class Activity:
    """The values by service."""

    slots: Numbered[Slot] = field(factory=dict)
    runs: Numbered[KnownRun] = field(factory=dict)
    rollouts: dict[ServiceName, StoppedRollout] = field(factory=dict)

    def set(self, name: SlotKey | RunKey | RolloutKey, change: Change, read: ReadEntry) -> None:
        """
        Take over a change.

        :raises BadInput: if the value cannot be read, or does not count; the last readable one stays in place.
        """
        match name:
            case SlotKey():
                self._set_slot(name, change, read)
            case RunKey():
                self._set_run(name, change, read)
            case RolloutKey():
                self._set_rollout(name.service, change)

    def _set_slot(self, name: SlotKey, change: Change, read: ReadEntry) -> None:
        record = read(change, SlotRecord.decode) if isinstance(change, Entry) else None
        if record is not None and record.instance.service != name.service:
            raise BadInput(f"a slot of {name.service} is none for {record.instance}")
        slot = None
        if isinstance(change, Entry) and record is not None:
            slot = Slot(name.number, record, change.create_revision, change.mod_revision, change.lease)
        put(self.slots, name.service, name.number, slot)

    def _set_run(self, name: RunKey, change: Change, read: ReadEntry) -> None:
        record = read(change, RunRecord.decode) if isinstance(change, Entry) else None
        run = None
        if isinstance(change, Entry) and record is not None:
            run = KnownRun(name.number, record, change.create_revision, change.mod_revision)
        put(self.runs, name.service, name.number, run)

    def _set_rollout(self, service: ServiceName, change: Change) -> None:
        if isinstance(change, Deleted):
            self.rollouts.pop(service, None)
        else:
            self.rollouts[service] = StoppedRollout(RolloutRecord.decode(change.value), change.mod_revision)
