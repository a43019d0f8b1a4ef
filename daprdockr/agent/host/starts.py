"""
Whether anything starts on this host: counted over services, because one that fails may be to blame itself.

Only faults of the Engine count, not what it refuses (a field, an image, a port that is taken). One container that
starts, whoever starts it, proves that the host can.
"""

from __future__ import annotations

from daprdockr.model.names import ServiceName

SEVERAL = 2
"""So many services must have failed with no start between them: the definition of one may be what is wrong."""


class Starts:
    def __init__(self) -> None:
        self._failed: dict[ServiceName, tuple[float, str]] = {}

    @property
    def trouble(self) -> str:
        """Why nothing starts here, in the words of the latest failure; "" if something may."""
        if len(self._failed) < SEVERAL:
            return ""
        return max(self._failed.values())[1]

    def failed(self, service: ServiceName, reason: str, now: float) -> None:
        """The Engine failed to create or start a container of a service."""
        self._failed[service] = (now, reason)

    def succeeded(self) -> None:
        """A container began to run."""
        self._failed.clear()

    def forget(self, before: float) -> None:
        """What failed before that time says nothing any more."""
        self._failed = {service: told for service, told in self._failed.items() if told[0] > before}
