"""
Whether anything starts on this host: counted over services, because the definition of a single one may be at fault.

Only faults of the Engine count, not its refusals (a field, an image, a port that is taken).

Note [Proven definitions]
    The Engine also answers with a fault of its own when a definition cannot work (a device or a runtime that does not
    exist), and then it does so on every host. So a failure counts against this host only if the same definition is
    proven: its containers run on another node, or began to run here before. A bad definition is never proven, however
    many there are. And a container of another service that starts here proves that the host can: whatever failed up to
    then is not counted again until its definition changes or starts. A host that starts nothing may go unnoticed as
    long as nothing is proven, which does no harm: the instances that fail there move one by one, and each of them is
    proven where it runs then.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from daprdockr.model.names import ServiceName

SEVERAL = 2
"""So many services must have failed with no start between them: one alone may depend on something of this host."""


@frozen
class _Failure:
    """The latest failure of a service. ``excused``: the host has started containers of others since the first one."""

    at: float
    reason: str
    digest: str
    excused: bool = False


class Starts:
    """:param runs_elsewhere: whether a service, with the digest of its definition, runs on another node."""

    def __init__(self, runs_elsewhere: Callable[[ServiceName, str], bool]) -> None:
        self._runs_elsewhere = runs_elsewhere
        self._failed: dict[ServiceName, _Failure] = {}
        self._proven: dict[ServiceName, str] = {}

    @property
    def trouble(self) -> str:
        """Why nothing starts here, as the latest failure says; "" if something may."""
        if len(self._failed) < SEVERAL:
            return ""
        counted = [failure for service, failure in self._failed.items() if self._counts(service, failure)]
        return max(counted, key=lambda failure: failure.at).reason if len(counted) >= SEVERAL else ""

    def failed(self, service: ServiceName, digest: str, reason: str, now: float) -> None:
        """Count that the Engine failed to create or start a container of a service, of the definition ``digest``."""
        before = self._failed.get(service)
        excused = before is not None and before.digest == digest and before.excused
        self._failed[service] = _Failure(now, reason, digest, excused)

    def ran(self, service: ServiceName, digest: str, began: bool) -> None:
        """Take note that a container runs; ``began``: that it did not a moment ago. See Note [Proven definitions]."""
        self._proven[service] = digest
        if began:
            self._failed.pop(service, None)
            self._failed = {name: evolve(failure, excused=True) for name, failure in self._failed.items()}

    def forget_service(self, service: ServiceName) -> None:
        """Forget a service that was deleted: its definition may have been what was wrong."""
        self._failed.pop(service, None)
        self._proven.pop(service, None)

    def forget(self, before: float) -> None:
        """Forget failures before that time."""
        self._failed = {service: failure for service, failure in self._failed.items() if failure.at > before}

    def _counts(self, service: ServiceName, failure: _Failure) -> bool:
        """See Note [Proven definitions]."""
        proven = self._proven.get(service) == failure.digest or self._runs_elsewhere(service, failure.digest)
        return proven and not failure.excused
