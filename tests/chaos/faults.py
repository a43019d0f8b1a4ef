"""A fault as a value: its kind, its host, and its length. ``kinds`` has the kinds, ``schedule`` draws the faults."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable

from attrs import frozen

from tests.chaos.scene import Scene

AND = " + "
"""Between the names of two kinds at once."""


class Scope(enum.Enum):
    """Whom a kind is done to."""

    HOST = "a host"
    MEMBER = "a host with a member of etcd"
    ALL = "all hosts, or whichever it finds"
    WISH = "none: it is a wish of a person"


@frozen
class Kind:
    """
    :param begin, heal: what is done. :param takes_member: whether a member of etcd on its host is away meanwhile.

    :param hold: the least and the most it lasts, in TTLs, before it is healed.
    """

    name: str
    scope: Scope
    begin: Act
    heal: Act
    takes_member: bool = False
    hold: tuple[float, float] = (1.0, 3.0)


@frozen
class Fault:
    """
    One thing that happens, or two at once.

    :param host: its number; 0 if its kind is not done to a host. :param hold: how many TTLs it lasts.
    :param chance: a seed for what cannot be chosen before it begins, such as one of the containers that run then.
    :param beside: another one that begins and is healed with it.
    """

    kind: Kind
    host: int
    hold: float
    chance: int
    beside: Fault | None = None

    @property
    def parts(self) -> tuple[Fault, ...]:
        return (self, *(self.beside.parts if self.beside else ()))

    @property
    def name(self) -> str:
        return AND.join(part.kind.name for part in self.parts)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(f"host{part.host}" for part in self.parts if part.host)

    def draw(self) -> random.Random:
        """The same draws at each call."""
        return random.Random(self.chance)

    def begin(self, scene: Scene) -> None:
        for part in self.parts:
            part.kind.begin(scene, part)

    def heal(self, scene: Scene) -> None:
        for part in self.parts:
            part.kind.heal(scene, part)

    def __str__(self) -> str:
        where = f" on {', '.join(self.hosts)}" if self.hosts else ""
        return f"{self.name}{where}, for {self.hold:.1f} TTL"


Act = Callable[[Scene, Fault], None]
