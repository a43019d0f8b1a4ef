"""
Writes about instances whose outcome is unknown: in progress, or their answer was lost.

See Note [An answer that was lost] in ``daprdockr.planning.plan``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.names import InstanceName, ServiceName


class Unanswered:
    """Its owner writes it; others call ``of``."""

    def __init__(self) -> None:
        self._services: dict[ServiceName, set[int]] = {}

    def of(self, service: ServiceName) -> frozenset[int]:
        """Return the instances of a service, by number."""
        return frozenset(self._services.get(service, ()))

    @contextmanager
    def asking(self, instance: InstanceName) -> Iterator[None]:
        """Count a write as in progress; its answer is lost if this ends by ``EtcdUnavailable``."""
        self._services.setdefault(instance.service, set()).add(instance.number)
        try:
            yield
        except EtcdUnavailable:
            raise
        except BaseException:
            self._answered(instance)
            raise
        self._answered(instance)

    def _answered(self, instance: InstanceName) -> None:
        numbers = self._services[instance.service]
        numbers.discard(instance.number)
        if not numbers:
            del self._services[instance.service]
