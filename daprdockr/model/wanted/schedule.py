"""
The ``Schedule`` part of a definition, which makes a service a job: when its runs are due, and what a run may do.

Note [Local time]
    A cron expression speaks of local time, which has holes and repeats. It is read as Debian's cron reads it: a fixed
    time that does not exist, because clocks go forward, is due at the first moment that does, and one that comes twice
    is due the first time. An expression whose minutes or hours begin with a star follows the time that passes, and so
    is due in both of two equal hours. In either case due times are compared in UTC, in which none comes twice,
    and each is later than the one before.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from attrs import frozen
from cronsim import CronSim, CronSimError

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, changed_members, read_members
from daprdockr.model.names import shorten

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,63}(?:/[A-Za-z0-9_+-]{1,64}){0,2}", re.ASCII)
_LONGEST_CRON = 200
_DAY = 86400
FOREVER = 253_370_764_800
"""The beginning of the year 9999: no expression is asked beyond it."""


@frozen
class Schedule:
    """
    ``cron`` is read in the time zone ``time_zone``; "" is for a job that runs ``once`` for each definition, or only by
    hand. ``window`` is how late a run may begin, in seconds; after that it is missed. ``retries`` is how often a run
    that failed, or was lost with its node, is begun anew; ``deadline`` is how long one may take (0: without end);
    ``overlap`` lets one begin while another goes on.
    """

    cron: str = ""
    time_zone: str = "UTC"
    once: bool = False
    window: float = 300
    retries: int = 0
    deadline: float = 0
    overlap: bool = False

    @classmethod
    def read(cls, value: object, path: str) -> Schedule:
        """:raises BadInput: one line that names the place and the remedy."""
        given = read_members(value, path, _MEMBERS)
        schedule = cls(**given)
        if schedule.once and (schedule.cron or "time_zone" in given or "window" in given):
            raise BadInput(f"{path}: Once goes with neither Cron, TimeZone nor Window: leave out what is not meant")
        if not schedule.once and not schedule.cron:
            raise BadInput(f'{path}.Cron is missing: write five fields such as "0 3 * * *", or "Once": true')
        if schedule.cron:
            schedule.check(path)
        return schedule

    def write(self) -> dict[str, Any]:
        return changed_members(self, Schedule(), _MEMBERS)

    def check(self, path: str) -> None:
        """:raises BadInput: the expression cannot be read, or is never due."""
        if len(self.cron) > _LONGEST_CRON or len(self.cron.split()) != 5:
            raise BadInput(f'{path}.Cron: {shorten(self.cron)} is not usable, write five fields such as "0 3 * * *"')
        try:
            never = next(self.due_after(0), None) is None
        except CronSimError as error:
            lacking = str(error).removeprefix("Bad ")
            raise BadInput(f"{path}.Cron: {shorten(self.cron)} is not usable: there is no such {lacking}") from None
        if never:
            raise BadInput(f"{path}.Cron: {shorten(self.cron)} is never due: there is no such day")

    @cached_property
    def _zone(self) -> datetime.tzinfo:
        return datetime.UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)

    @property
    def text(self) -> str:
        """The text that states when runs are due: while it stays the same, the runs go on from the last one."""
        return f"{self.cron} {self.time_zone}" if self.cron else "once"

    def due_after(self, after: float) -> Iterator[int]:
        """Yield the due times after ``after``, in seconds since the epoch: Note [Local time]."""
        if not self.cron:
            return
        last = int(after // 1)
        begin = datetime.datetime.fromtimestamp(min(max(last, 0), FOREVER), datetime.UTC)
        try:
            for local in CronSim(self.cron, begin.astimezone(self._zone)):
                due = int(local.timestamp())
                if due > FOREVER:
                    return
                if due > last:
                    yield due
                    last = due
        except OverflowError:  # the calendar of Python ends there
            return


def _zone(value: object, path: str) -> str:
    name = reading.text(value, path)
    try:
        if _ZONE.fullmatch(name) is None:
            raise ValueError
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        text = 'write "UTC", or a name such as "Europe/Berlin"'
        raise BadInput(f"{path}: {shorten(name)} is not a time zone that is known here, {text}") from None
    return name


_MEMBERS: Members = {
    "Cron": ("cron", reading.text),
    "TimeZone": ("time_zone", _zone),
    "Once": ("once", reading.boolean),
    "Window": ("window", reading.seconds(10, 30 * _DAY)),
    "Retries": ("retries", reading.integer(0, 100)),
    "Deadline": ("deadline", reading.seconds(0, 30 * _DAY)),
    "Overlap": ("overlap", reading.boolean),
}
