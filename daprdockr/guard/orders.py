"""
The guard's orders: which containers it watches, and until when each may run. Written by the agent, read by the guard.
Pure: the clock and the id of the boot are passed in.

Note [Until when]
    All times are seconds of CLOCK_BOOTTIME, the one clock that agent and guard share, that nobody can set, and that
    counts while the machine is suspended. It begins anew with each boot, and no container outlives one: orders of
    another boot are empty.

    Each container has a deadline of its own, because a start is allowed under one lease. Once that lease is in doubt
    the start may still wait in a hung Engine; a newer lease must not make it lawful, because another node may have held
    the instance in between. So the agent moves the deadline only of those containers that it started, or found, under
    its present lease.

Note [Two ways]
    Orders come by memory and by the disk, and either way may be late or end: a disk hangs or is read-only, an older
    agent knows the disk alone. So orders say when they were written, and earlier ones never replace later ones. Those
    of an older agent do not say it; they are new if the guard saw the file change.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOREVER = 1e12


class Action(Enum):
    """The action that is due for a container."""

    NONE = "none"
    TERM = "term"
    KILL = "kill"


class Order(NamedTuple):
    """
    One container: it may run until ``deadline``, and has ``grace`` seconds between TERM and KILL.

    ``lease`` is the agent's own note of the lease it was started under; the guard ignores it.
    """

    deadline: float
    grace: float = 0.0
    lease: int = 0


class Orders(NamedTuple):
    """
    ``containers`` by their full id; KILL comes ``margin`` seconds before a deadline. ``written`` is the time at which
    they were; 0.0: an older agent wrote them.
    """

    boot: str
    margin: float
    containers: Mapping[str, Order]
    written: float = 0.0

    def action(self, container: str, now: float) -> Action:
        """Return the action that is due at ``now``; none for a container that is not in the orders."""
        order = self.containers.get(container)
        if order is None:
            return Action.NONE
        kill_at = order.deadline - self.margin
        if now >= kill_at:
            return Action.KILL
        return Action.TERM if now >= kill_at - order.grace else Action.NONE

    def next_change(self, now: float) -> float:
        """Return the first moment after ``now`` at which an action becomes due; infinity if there is none."""
        kills = ((order.deadline - self.margin, order.grace) for order in self.containers.values())
        moments = (moment for at, grace in kills for moment in (at - grace, at))
        return min((moment for moment in moments if moment > now), default=math.inf)

    def encode(self) -> bytes:
        containers = {container: order._asdict() for container, order in self.containers.items()}
        given: dict[str, Any] = {"boot": self.boot, "margin": self.margin, "containers": containers}
        given["sum"] = _sum(given)
        if self.written:
            given["written"] = [self.written, _stamp(self.written, given["sum"])]
        return json.dumps(given).encode()

    @classmethod
    def decode(cls, data: bytes, boot: str) -> Orders:
        """
        Read the output of ``encode``, of this boot or another. A member that only a newer agent knows is ignored, and
        the checksum may be missing: an older agent writes none.

        :raises ValueError: ``encode`` did not write it.
        """
        try:
            given = json.loads(data)
            containers = {_id(name): _order(order) for name, order in given["containers"].items()}
            orders = cls(_boot(given["boot"]), _seconds(given["margin"]), containers, _written(given))
            if given.get("sum", _sum(given)) != _sum(given):
                raise ValueError("these orders were changed by nobody who may")
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"these are no orders: {error!r:.100}") from None
        return orders if orders.boot == boot else orders._replace(boot=boot, containers={}, written=0.0)


def _order(given: Any) -> Order:
    lease = given.get("lease", 0)
    if type(lease) is not int or not 0 <= lease < 2**63:
        raise ValueError(f"{lease!r:.50} is no lease")
    return Order(_seconds(given["deadline"]), _seconds(given["grace"]), lease)


def _seconds(given: Any) -> float:
    if type(given) not in (int, float) or not 0 <= given < _FOREVER:
        raise ValueError(f"{given!r:.50} are no seconds")
    return float(given)


def _written(given: Any) -> float:
    if "written" not in given:
        return 0.0
    at, stamp = given["written"]
    if stamp != _stamp(_seconds(at), given["sum"]):
        raise ValueError("the time of these orders was changed by nobody who may")
    return float(at)


def _stamp(written: float, sum_: int) -> int:
    """Return a checksum of the time and of all that ``_sum`` covers; an older guard knows only that."""
    return zlib.crc32(f"{written} {sum_}".encode())


def _boot(given: Any) -> str:
    if type(given) is not str:
        raise ValueError(f"{given!r:.50} is no boot")
    return given


def _sum(given: Mapping[str, Any]) -> int:
    """
    Return a checksum, which detects the damage of a failing disk: one wrong digit of a deadline can end a container.
    """
    return zlib.crc32(json.dumps([given["boot"], given["margin"], given["containers"]]).encode())


def _id(given: str) -> str:
    if not _ID.fullmatch(given):
        raise ValueError("a container is known by the 64 digits of its id")
    return given
