"""The ``Http`` part of a definition: the host names that lead to a service."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name
from daprdockr.model.members import Members, read_members
from daprdockr.model.names import shorten

HOLD = 10.0
"""Seconds in which an instance is usually there again: started anew, or taken over by another node."""

MOST_HOST_NAMES = 10_000
"""The most host names of a service: nginx keeps those of all services in memory of a fixed size."""


def host_names(value: object, path: str) -> tuple[str, ...]:
    """Read host names separated by commas; return them in their one spelling, each once. ``*.`` is allowed in front."""
    given = value.split(",") if isinstance(value, str) else []
    if not 1 <= len(given) <= MOST_HOST_NAMES:
        raise BadInput(
            f"{path}: {shorten(value)} is not usable, write 1 to {MOST_HOST_NAMES} host names, separated by commas"
        )
    try:
        return tuple(dict.fromkeys(map(host_name, given)))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


@frozen
class Http:
    """
    The HTTP host names that lead to this service, and the port of its containers that they lead to.

    :ivar hold: for how many seconds a request waits while no instance is healthy.
    """

    host_names: tuple[str, ...]
    container_port: int
    hold: float = HOLD

    @classmethod
    def read(cls, value: object, path: str) -> Http:
        return cls(**read_members(value, path, _MEMBERS, required=("HostName", "ContainerPort")))

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {"HostName": ",".join(self.host_names), "ContainerPort": str(self.container_port)}
        return written if self.hold == HOLD else {**written, "Hold": self.hold}


_MEMBERS: Members = {
    "HostName": ("host_names", host_names),
    "ContainerPort": ("container_port", reading.port),
    "Hold": ("hold", reading.seconds(0, 60)),
}
