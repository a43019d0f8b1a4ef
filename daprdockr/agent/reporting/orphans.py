# -*- test-case-name: tests.unit.whole.test_alike -*-
"""
Containers on this Engine that carry our labels and are nobody's: those of a node that does not exist, and copies that
no agent made. They are reported, and left alone. They go on running although no agent looks after them, and a service
that is deleted does not take them with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.host.host import Host
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.own_containers import OwnContainers
from daprdockr.model.host import LABEL_PREFIX, ContainerState
from daprdockr.runtime.periodic import Periodic

INTERVAL = 30.0
"""Seconds between two searches. A container found by both does not belong to an agent that is just being restarted."""

MOST_COPIES = 8
"""Copies that are reported at the same time."""


class Orphans(Periodic):
    """
    :param own: this node's name, and the mark of this machine.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        host: Host,
        mirror: Mirror,
        own_containers: OwnContainers,
        own: tuple[str, str],
        record_event: Callable[[str, str], None],
    ) -> None:
        failing = "containers that no agent looks after could not be found"
        super().__init__(reactor=reactor, interval=INTERVAL, failing=failing)
        self._host = host
        self._mirror = mirror
        self._own_containers = own_containers
        self._node, self._machine = own
        self._record_event = record_event
        self._seen: frozenset[str] = frozenset()
        self._reported: frozenset[str] = frozenset()

    async def poll(self) -> None:
        """Report, once, the containers found by this search and the one before."""
        if not (self._mirror.in_touch and self._host.listed and not self._host.trouble):
            return
        found = frozenset(self._found())
        lasting = found & self._seen
        for sentence in sorted(lasting - self._reported):
            self.log.warn("{sentence}", sentence=sentence)
            self._record_event(self._node, sentence)
        self._seen, self._reported = found, lasting

    def _found(self) -> Iterator[str]:
        cluster = self._mirror.cluster
        # A node of this machine that was renamed looks after what it made under its former names.
        records = (node.record for node in cluster.nodes.values() if node.record.machine == self._machine != "")
        names = {*cluster.nodes, *(name for record in records for name in record.former)}
        for node, identity in self._host.stock.inventory.others:
            if identity == cluster.identity and node not in names:
                yield f"containers of node {node}, which has no agent, are left alone: remove them, or start its agent"
        held_back = list(self._host.containers.held_back)
        if any(map(self._own_containers.is_foreign, held_back)):
            yield f"containers of a node {self._node} in another cluster are here: give each agent its own --node"
        yield from sorted(map(_copy, filter(self._is_copy, held_back)))[:MOST_COPIES]

    def _is_copy(self, container: ContainerState) -> bool:
        return container.former not in self._mirror.cluster.nodes and not self._own_containers.is_foreign(container)


def _copy(container: ContainerState) -> str:
    return (
        f"container {container.name} has the labels of {container.instance}, but is not known to be an agent's: it is "
        f"left alone, remove it or make it without the labels {LABEL_PREFIX}*"
    )
