"""
The record of a run of a job, below ``Keys.runs``, and what the run logged last, below ``Keys.outputs``.

Note [Each run once]
    Runs are numbered, and the newest one says up to when all due times are settled (``until``). A node that begins a
    run creates the next number, by a transaction that compares the newest one as it knows it. So of all nodes that
    find a time due one begins its run, whatever their clocks say, and none can do so from knowledge that is out of
    date. The record stands under no lease: a run that has ended stays ended when its node dies.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.last_words import LONGEST_LINE, MOST_LINES
from daprdockr.model.members import Members, changed_members, decode_members, encode_members
from daprdockr.model.names import MAX_INSTANCES, InstanceName, ServiceName
from daprdockr.model.stored.entries import Delete, Operation
from daprdockr.model.stored.keys import Keys

KEPT = 20
"""The newest records of a job that are kept."""

MOST_OPEN = 50
"""The most runs of a job that wait or go on at a time."""

MOST_DELETED = 40
"""Records that one transaction deletes, each with its lines: etcd takes 128 operations. The next one takes others."""

LONGEST_REASON = 300
MOST_ARGUMENTS = 256


class RunState(enum.Enum):
    """
    ``SET``: no run, but the job's time began anew. ``WAITING``: somebody asked for it, or it is to be tried again.
    ``CLAIMED``: a node prepares its container, which has not been started. ``LOST``: its node went away meanwhile.
    ``MISSED``: it did not begin, nor will it.
    """

    SET = "set"
    WAITING = "waiting"
    CLAIMED = "claimed"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    MISSED = "missed"


OPEN = frozenset({RunState.WAITING, RunState.CLAIMED, RunState.RUNNING})
UNDER_WAY = frozenset({RunState.CLAIMED, RunState.RUNNING})


@frozen
class RunRecord:
    """
    A run that was ``due`` then (0: a person asked for it, ``by`` name), in seconds since the epoch; a missed one stands
    for ``count`` due times up to ``last``. ``node`` is the one that begins, or began, the ``attempt``, and
    ``container`` what it started, from the definition with that digest; ``status`` is its exit status, -1 as long as
    there is none. ``arguments`` are given to this run instead of the definition's ``Cmd``.

    ``until``, ``schedule`` and ``job`` belong to the job as a whole and to the newest record: up to when all due times
    are settled, of which schedule, and the create revision of the definition. See Note [Each run once].
    """

    state: RunState
    due: int = 0
    last: int = 0
    count: int = 0
    node: str = ""
    attempt: int = 1
    container: str = ""
    definition: str = ""
    started: float = 0.0
    ended: float = 0.0
    status: int = -1
    reason: str = ""
    arguments: tuple[str, ...] = ()
    by: str = ""
    until: int = field(default=0, kw_only=True)
    schedule: str = field(default="", kw_only=True)
    job: int = field(default=0, kw_only=True)

    @property
    def is_open(self) -> bool:
        """Whether it has still to begin, or to end."""
        return self.state in OPEN

    @property
    def is_run(self) -> bool:
        """Whether it stands for a run: ``SET`` stands for none."""
        return self.state is not RunState.SET

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @classmethod
    def decode(cls, data: bytes) -> RunRecord:
        """:raises BadInput: if ``data`` is not such a record, or its state is one of a newer version."""
        return cls(**decode_members(data, _MEMBERS, required=("State",)))

    def encode(self) -> bytes:
        return encode_members(self.write())

    def write(self) -> dict[str, Any]:
        """Return the JSON form, without members at their defaults; ``decode`` gives an equal record back."""
        given = changed_members(self, RunRecord(self.state), _MEMBERS)
        if self.arguments:
            given["Arguments"] = list(self.arguments)
        return {"State": self.state.value, **given}


@frozen
class RunOutput:
    """The last ``lines`` that a run logged, oldest first."""

    lines: tuple[str, ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> RunOutput:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, {"Lines": ("lines", _lines)}))

    def encode(self) -> bytes:
        return encode_members({"Lines": list(self.lines)})


def place_of(service: ServiceName, number: int, beside: bool = False) -> InstanceName:
    """
    Return the name of the container of a run; numbers begin anew when those of instances are used up.

    :param beside: whether the service has instances, too: then the numbers are the last ones.
    """
    if beside:
        return InstanceName(service, MAX_INSTANCES - (number - 1) % _BESIDE)
    return InstanceName(service, (number - 1) % MAX_INSTANCES + 1)


_BESIDE = 1000


def deletions(keys: Keys, service: ServiceName, numbers: Iterable[int]) -> list[Operation]:
    """Return what deletes the records of runs, with what they logged."""
    return [Delete(key) for n in numbers for key in (keys.run(service, n), keys.output(service, n))]


def _lines(value: object, path: str) -> tuple[str, ...]:
    return tuple(reading.list_of(reading.line(LONGEST_LINE))(value, path)[-MOST_LINES:])


_LATEST = 2**53
_time = reading.integer(0, _LATEST)

_MEMBERS: Members = {
    "State": ("state", reading.value_of(RunState)),
    "Due": ("due", _time),
    "Last": ("last", _time),
    "Count": ("count", _time),
    "Node": ("node", reading.text),
    "Attempt": ("attempt", reading.integer(1, 1000)),
    "Container": ("container", reading.text),
    "Definition": ("definition", reading.text),
    "Started": ("started", reading.moment),
    "Ended": ("ended", reading.moment),
    "Status": ("status", reading.integer(-1, 255)),
    "Reason": ("reason", reading.line(LONGEST_REASON)),
    "Arguments": ("arguments", reading.tuple_of(reading.free_text, MOST_ARGUMENTS)),
    "By": ("by", reading.author),
    "Until": ("until", _time),
    "Schedule": ("schedule", reading.text),
    "Job": ("job", _time),
}
