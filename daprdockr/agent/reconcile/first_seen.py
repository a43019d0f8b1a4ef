"""Since when a condition has held, from this node's view: the memory behind every "not at once"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daprdockr.model.names import ServiceName


class FirstSeen:
    """Times of the monotonic clock by service and instance number; a number whose condition has ended is forgotten."""

    def __init__(self) -> None:
        self._times: dict[ServiceName, dict[int, float]] = {}

    def __call__(self, service: ServiceName, numbers: Iterable[int], now: float) -> Mapping[int, float]:
        """Return when each of ``numbers`` was first seen; forget the service's other numbers."""
        before = self._times.get(service, {})
        times = {number: before.get(number, now) for number in numbers}
        if times:
            self._times[service] = times
        else:
            self._times.pop(service, None)
        return times

    def of(self, service: ServiceName) -> Mapping[int, float]:
        """The same, as it was at the last call."""
        return self._times.get(service, {})
