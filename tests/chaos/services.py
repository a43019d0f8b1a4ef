"""The services of a run, and what a person wants of them at the moment."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tests.rig.docker_engine import SAMPLE

GROUP = "chaos"
STOPPED = "single.chaos"
"""The one of which no instance ever has two copies."""

MARK = "CHAOS="
_PORT = "8080"
_EACH: Mapping[str, Any] = {"Container": {"Image": SAMPLE}, "Update": {"MinHealthy": 1, "Drain": 2}, "StopTimeout": 3}


def _http(service: str) -> dict[str, str]:
    return {"HostName": f"{service}.{GROUP}.test", "ContainerPort": _PORT}


SERVICES: Mapping[str, Mapping[str, Any]] = {
    "web.chaos": {"Instances": 6, "Http": _http("web"), "Update": {**_EACH["Update"], "Parallelism": 2}},
    "checked.chaos": {
        "Instances": 3,
        "Http": _http("checked"),
        "Health": {"Type": "http", "Path": "/", "Port": _PORT, "Interval": 1, "Timeout": 2, "Retries": 3},
    },
    "spread.chaos": {"Instances": 3, "Placement": {"OnePerNode": True}},
    STOPPED: {"Instances": 4, "OnPartition": "stop"},
}


def definitions(with_stopped: bool) -> dict[str, dict[str, Any]]:
    """All services by name, as they are set at first."""
    return {
        service: {"Name": service.partition(".")[0], "Group": GROUP, **_EACH, **more}
        for service, more in SERVICES.items()
        if with_stopped or service != STOPPED
    }


class Wanted:
    """The definitions that are wanted now; read from several threads."""

    def __init__(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        self._lock = threading.Lock()
        self._services = dict(services)

    def now(self) -> dict[str, Mapping[str, Any]]:
        """The definitions by service."""
        with self._lock:
            return dict(self._services)

    def add(self, service: str, definition: Mapping[str, Any]) -> None:
        with self._lock:
            self._services[service] = definition

    def delete(self, service: str) -> None:
        with self._lock:
            self._services.pop(service, None)

    def instances(self) -> frozenset[str]:
        """The names of all instances that shall run."""
        return frozenset(
            f"{number}.{service}"
            for service, definition in self.now().items()
            for number in range(1, definition["Instances"] + 1)
        )

    def served(self) -> list[str]:
        """The services that answer HTTP."""
        return [service for service, definition in self.now().items() if "Http" in definition]

    def names(self) -> list[str]:
        """The names that DNS knows, those of services as often as those of instances."""
        instances, services = sorted(self.instances()), sorted(self.now())
        often = max(1, len(instances) // max(1, len(services)))
        return [f"{name}.container" for name in [*instances, *services * often]]


def redefined(definition: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """The same service with another environment, so that each of its containers has to be made anew."""
    return {**definition, "Container": {**definition["Container"], "Env": [f"{MARK}{mark}"]}}


def mark(environment: Iterable[str]) -> str:
    """The mark that ``redefined`` has put into an environment; "" for a service as it was at first."""
    return "".join(each.removeprefix(MARK) for each in environment if each.startswith(MARK))
