"""The target of a health check, and the kinds of its results."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from daprdockr.model.names import ServiceName
from daprdockr.model.wanted.health import Health

LATE = "there is no answer in time"


@frozen
class Target:
    """
    A container under a health check; ``host`` and ``port`` are where the check connects, if it does. ``routes`` are
    the endpoints that its routes name, each an address of this host and a port; ``router`` is who connects to them.
    Each run is checked anew, so it has the time at which the container ``started``; ``proven`` says that this run was
    reported as healthy.
    """

    container: str
    check: Health
    host: str = ""
    port: int = 0
    service: ServiceName | None = None
    routes: tuple[tuple[str, int], ...] = ()
    router: str = "nginx"
    started: float = 0.0
    proven: bool = field(default=False, eq=False)


class Unreached(str):
    """The reason of a container that is healthy in itself, but that nginx, or the relay, cannot reach."""


class Unmade(str):
    """The reason why there is no result: something of this host, which says nothing about the container."""


class Probe(Protocol):
    """
    Check once; return None if the container is healthy, otherwise what is wrong, as text. Raises nothing on purpose.
    """

    async def __call__(self, target: Target) -> str | None: ...
