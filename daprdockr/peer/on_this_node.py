"""The containers of this node, as sessions ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from attrs import field, frozen

from daprdockr.engine.streams import EngineStreams
from daprdockr.model.host import ContainerState
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.lately import Lately


class HasContainers(Protocol):
    """As ``agent.host.containers`` does."""

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]: ...


@frozen
class OnThisNode:
    """
    ``record_event`` takes a subject, a text for people, and who did that. ``reaching`` are the names of the containers
    made for archives of volumes: Note [A container of its own] in ``reaching``; ``connected`` are those who had
    connections.
    """

    node: str
    containers: HasContainers
    cluster: ClusterView
    engine: EngineStreams
    record_event: Callable[[str, str, str], None]
    reaching: set[str] = field(factory=set)
    connected: Lately = field(factory=Lately)

    def all_of(self, instance: InstanceName) -> list[ContainerState]:
        """Return the containers of an instance on this node, the one that started first first."""
        found: Iterable[ContainerState] = self.containers.of(instance.service).get(instance.number, ())
        return sorted(found, key=lambda one: one.started)

    def running(self, instance: InstanceName) -> ContainerState:
        """Return the container of an instance. :raises SessionRefused: none runs."""
        found = [one for one in self.all_of(instance) if one.running]
        if not found:
            raise SessionRefused(f"{instance} has no container that runs on {self.node}: daprdockrcmd why {instance}")
        return found[-1]

    def is_claimed(self, instance: InstanceName) -> bool:
        """Return whether the instance is this node's, as far as known."""
        claim = self.cluster.claims(instance.service).get(instance.number)
        return claim is not None and claim.record.node == self.node

    def record_deed(self, instance: InstanceName, by: str, deed: str) -> None:
        """Record what a person, "" if unknown, does to an instance, as in "backs up volume data to 10.0.0.9"."""
        self.record_event(str(instance), f"{by or 'somebody'} {deed}", by)

    async def inspected(self, container: str) -> Mapping[str, Any]:
        """:raises EngineError: it is gone, or the Engine does not answer."""
        doing = f"inspect container {container[:12]}"
        found: Mapping[str, Any] = await self.engine.ask(doing, "GET", f"/containers/{quote(container)}/json")
        return found
