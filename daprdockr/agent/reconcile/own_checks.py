# -*- test-case-name: tests.unit.agent.reconcile.test_own_checks,tests.unit.whole.test_rollouts -*-
"""
By which health check each container is judged: that of the definition that it was made from.

Note [The check of its own definition]
    While a changed definition reaches the instances one by one, containers of the former one serve on. Their programs
    know nothing of a new path or port, so the check that came with it would find all of them unhealthy at once. So a
    container is judged by the check that was in force when its definition was last the present one. An agent that
    begins in the midst of a rollout has not seen that: it takes the check that the container's label states, which is
    that of its creation. One made by an older agent has no such label, and is judged by the present check.
"""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.agent.host.containers import Containers
from daprdockr.model.errors import BadInput
from daprdockr.model.host import ContainerState
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.reading import parse_json
from daprdockr.model.wanted.health import Health


class OwnChecks:
    """The memory of these checks, which is brought up to date before a service is planned."""

    def __init__(self, cluster: ClusterView, containers: Containers) -> None:
        self._cluster = cluster
        self._containers = containers
        self._found: dict[ServiceName, dict[str, Health]] = {}

    def observe(self, name: ServiceName) -> None:
        """Take note of the check of each container of a service."""
        service, before = self._cluster.services.get(name), self._found.get(name, {})
        found: dict[str, Health] = {}
        for one in (one for ones in self._containers.of(name).values() for one in ones):
            if service is not None and one.definition == service.definition.digest:
                found[one.id] = service.definition.check
            elif (check := before.get(one.id) or _stated(one)) is not None:
                found[one.id] = check
        self._found[name] = found
        if not found:
            del self._found[name]

    def of(self, name: ServiceName) -> Mapping[str, Health]:
        """Return the checks of a service's containers, by container id, as far as they are known."""
        return dict(self._found.get(name, {}))


def _stated(container: ContainerState) -> Health | None:
    """Return the check that a container's label states; None if there is none that can be read."""
    try:
        return Health.read(parse_json(container.check.encode()), "label") if container.check else None
    except BadInput:
        return None
