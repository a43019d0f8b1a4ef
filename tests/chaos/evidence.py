"""
The words in which the laws talk about a history: a line with its number, and what a broken law says.

Everything that the checker uses is made from lines alone. It shares no code with what it checks: a mistake there would
be made here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from tests.chaos.history import Line

SPREAD = 2.0
"""Seconds that news may take from etcd to the names of a host, and in which a plan made of old news is carried out."""


@frozen
class Seen:
    """A line and its number in the file, from 1."""

    number: int
    at: float
    what: str
    data: Mapping[str, Any]


@frozen(order=True)
class Violation:
    """A law that was broken; ``lines`` are the numbers of the lines that show it, the decisive ones first."""

    at: float
    law: str
    text: str
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        where = ", ".join(map(str, self.lines))
        return f"{self.at:.3f} {self.law}: {self.text} (lines {where})"


@frozen
class Setting:
    """The beginning of a run. ``members`` are the hosts with a member of etcd: by default the first three."""

    ttl: float
    settle_within: float
    hosts: Mapping[str, str]
    services: Mapping[str, Mapping[str, Any]]
    members: tuple[str, ...]

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> Setting:
        """From the first line ``start``. :raises ValueError: if there is none: nothing can be judged then."""
        start = next((one for one in seen if one.what == "start"), None)
        if start is None:
            raise ValueError("the history has no line start")
        told = start.data
        hosts = dict(told["hosts"])
        members = tuple(told.get("members", list(hosts)[:3]))
        return cls(float(told["ttl"]), float(told["settle_within"]), hosts, dict(told["services"]), members)

    @property
    def silence(self) -> float:
        """Seconds after which a silent host is gone for everybody."""
        return self.ttl + SPREAD


@frozen
class Span:
    """From one moment to another, both in it."""

    begin: float
    end: float

    def meets(self, begin: float, end: float) -> bool:
        return self.begin <= end and begin <= self.end


@frozen(order=True)
class Place:
    """An instance by its name, such as ``1.web.chaos``, and where etcd has it."""

    service: str
    number: int

    @classmethod
    def read(cls, instance: str) -> Place:
        """:raises ValueError: if it is no name of an instance."""
        number, _, service = instance.partition(".")
        return cls(service, int(number))

    def __str__(self) -> str:
        return f"{self.number}.{self.service}"

    @property
    def definition(self) -> str:
        """The key of its service's definition."""
        service, _, group = self.service.partition(".")
        return f"services/{group}/{service}"

    @property
    def slots(self) -> str:
        """The beginning of the keys of the slots of its service's rollouts."""
        return f"{self.definition.replace('services/', 'rollouts/')}/slots/"

    @property
    def claim(self) -> str:
        """The key of its claim."""
        service, _, group = self.service.partition(".")
        return f"instances/{group}/{service}/{self.number}"


def numbered(lines: Iterable[Line]) -> tuple[Seen, ...]:
    return tuple(Seen(number, line.at, line.what, line.data) for number, line in enumerate(lines, 1))
