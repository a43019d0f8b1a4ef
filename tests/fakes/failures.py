"""The memory of failures, opened for tests: all that it holds."""

from __future__ import annotations

from daprdockr.agent.host.failures import Failures
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.attempts import Attempts


class OpenFailures(Failures):
    @property
    def attempts(self) -> dict[InstanceName, Attempts]:
        """The latest of each instance."""
        services = [name for name in self._faults if isinstance(name, ServiceName)]
        return {instance: attempts for name in services for instance, attempts in self.of_service(name).items()}

    @property
    def pulls(self) -> dict[str, Attempts]:
        """Failed pulls, by reference."""
        return {name: self.of_image(name) for name in self._faults if isinstance(name, str)}
