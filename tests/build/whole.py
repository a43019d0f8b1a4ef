"""Queries that tests make of whole agents, and the case of one node."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from tests.build.stored import events_in
from tests.fakes.agents import MemoryAgent, MemoryCluster

ONE, TWO = "1.web.myapp", "2.web.myapp"

TTL = 6.0

DRAIN = 10
"""Seconds that a copy which runs elsewhere too serves on (``Update.Drain``)."""


def names(agent: MemoryAgent) -> list[str]:
    """The instances that run on an agent's host."""
    return [str(container.instance) for container in agent.running]


def starts(*agents: MemoryAgent) -> list[tuple[str, float]]:
    """The containers that run on these hosts, each with its start: equal before and after when nothing was touched."""
    return [(container.id, container.started) for agent in agents for container in agent.running]


def resolved(agent: MemoryAgent, *labels: bytes) -> bool:
    """Whether a name below ``container.`` exists, by its labels from the deepest on."""
    assert agent.zone is not None
    return agent.zone.lookup(labels) is not None


def routed(agent: MemoryAgent) -> list[InstanceName]:
    """The instances behind the HTTP host name."""
    assert agent.routing is not None
    return [upstream.instance for route in agent.routing.routes for upstream in route.upstreams]


class WholeCase(SynchronousTestCase):
    """A cluster of one node, ``a``, that has begun."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.advance(1)

    @property
    def events(self) -> list[str]:
        """The events that were written for people."""
        return [event.text for event in events_in(self.cluster.store)]


MARKED = 80.0
"""Seconds after which a mark attests a definition."""
