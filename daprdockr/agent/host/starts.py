"""
Whether anything starts on this host: counted over services, because the definition of a single one may be at fault.

Only faults of the Engine count, not its refusals (a field, an image, a port that is taken). One container that starts,
of whatever owner, proves that the host can.
"""

from __future__ import annotations

from daprdockr.model.names import ServiceName

SEVERAL = 2
"""So many services must have failed with no start between them: the definition of one may be wrong."""


class Starts:
    def __init__(self) -> None:
        self._failed: dict[ServiceName, tuple[float, str]] = {}

    @property
    def trouble(self) -> str:
        """Why nothing starts here, as the latest failure says; "" if something may."""
        if len(self._failed) < SEVERAL:
            return ""
        return max(self._failed.values())[1]

    def failed(self, service: ServiceName, reason: str, now: float) -> None:
        """Count that the Engine failed to create or start a container of a service."""
        self._failed[service] = (now, reason)

    def succeeded(self) -> None:
        """Take note that a container began to run."""
        self._failed.clear()

    def forget_service(self, service: ServiceName) -> None:
        """Forget a service that was deleted: its definition may have been what was wrong."""
        self._failed.pop(service, None)

    def forget(self, before: float) -> None:
        """Forget failures before that time."""
        self._failed = {service: failure for service, failure in self._failed.items() if failure[0] > before}
