# -*- test-case-name: tests.unit.wiring.test_paging -*-
"""The status page, from the agent's mirror: the same rows as those of the API, and what happened lately."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from attrs import define, frozen
from twisted.web.resource import Resource

from daprdockr.agent.reporting.conditions import lines
from daprdockr.api.folder import Folder
from daprdockr.api.page import PageDocument, ServicePages, UnchangingFile
from daprdockr.api.readers import Readers, Stream
from daprdockr.api.recent import Recent
from daprdockr.model.names import ServiceName
from daprdockr.page.assets import ASSETS
from daprdockr.page.render import POLICY
from daprdockr.page.seen import Gone, Seen
from daprdockr.page.service import ServiceSeen, service_page
from daprdockr.page.updates import ShownPage, beat
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.evidence import rechecked
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.services import service_table
from daprdockr.picture.why import Evidence, why
from daprdockr.wiring.parts import Parts
from daprdockr.wiring.showing import known_doubts, known_room, stopped_rollouts

REST = 30.0
"""Seconds after which the page is examined even if nothing has changed: certificates grow old."""


@define
class Examined:
    """The last examination of what there is to show, which costs more the larger the cluster is."""

    seconds: Callable[[], float]
    _sources: object = None
    _next: float = 0.0

    def is_due(self, sources: object) -> bool:
        """Return whether the sources differ from those of the last time, or ``REST`` seconds have passed."""
        now = self.seconds()
        if sources == self._sources and now < self._next:
            return False
        self._sources, self._next = sources, now + REST
        return True


@frozen
class Paging:
    """The page of an agent, with the parts that it is made from."""

    parts: Parts
    recent: Recent
    examined: Examined

    def seen(self) -> Seen:
        """Return all that the agent knows now."""
        base, found = self.parts.base, self.parts.found
        cluster, now = base.cluster, base.outside.clocks.wall()
        doubted = known_doubts(base, found)
        return Seen(
            node=base.settings.node,
            time=now,
            in_touch=found.known.mirror.in_touch,
            troubles=lines(self.parts.judged),
            overview=overview(cluster, doubted=doubted, stopped=stopped_rollouts(cluster), etcd=known_room(found)),
            nodes=node_table(cluster, doubted=doubted).rows,
            gone=tuple(Gone(*one) for one in found.known.gone_nodes),
            instances=instance_table(cluster, None).rows,
            certificates=certificate_table(cluster, now, self.recent.renewals).rows,
            happened=self.recent.happened,
            unread=self.recent.unread,
        )

    @cached_property
    def shown(self) -> ShownPage:
        """The page as its readers have it; made when somebody asks for it first."""
        return ShownPage(f"{self.parts.base.outside.clocks.wall() * 1000:.0f}", self.seen())

    @cached_property
    def readers(self) -> Readers:
        return Readers(self.parts.base.outside.reactor, self)

    # The page, as readers follow it.

    @property
    def at(self) -> str:
        return self.shown.at

    def update(self) -> bytes | None:
        self.recent.refresh()
        if not self.examined.is_due(self._sources()):
            return None
        update = self.shown.take(self.seen())
        return None if update is None else update.encode()

    def _sources(self) -> tuple[object, ...]:
        """Return what differs if anything that is shown does, but for what time alone changes."""
        mirror, cluster = self.parts.found.known.mirror, self.parts.base.cluster
        troubles, recent = tuple(lines(self.parts.judged)), self.recent
        known = cluster.generation, mirror.in_touch, mirror.doubt, troubles
        return *known, recent.happened, recent.unread, recent.renewals

    def whole(self) -> bytes:
        return self.shown.whole().encode()

    def beat(self) -> bytes:
        return beat(self.parts.base.outside.clocks.wall())

    async def write(self) -> str:
        """Return the page."""
        await self.recent.refresh()
        self.readers.refresh()
        return self.shown.page()

    async def write_service(self, service: ServiceName) -> str | None:
        """Return the page of a service, None if it has no definition that can be used."""
        base, found = self.parts.base, self.parts.found
        cluster, doubted = base.cluster, known_doubts(base, found)
        if service not in cluster.services:
            return None
        self.recent.ask_for(service)
        await self.recent.refresh()
        if service not in cluster.services:
            return None
        stopped, history = stopped_rollouts(cluster), self.recent.history(service)
        wanted = cluster.services[service].definition
        known = Evidence(
            events=self.recent.events,
            rollout=stopped.get(service),
            way_back=history.newest_good(unlike=wanted) is not None,
            rechecked=rechecked(history, wanted),
            mute={name: node.record.refused for name, node in cluster.nodes.items() if node.record.refused} | doubted,
        )
        (row,) = service_table(cluster, stopped, service).rows
        return service_page(
            ServiceSeen(
                node=base.settings.node,
                time=base.outside.clocks.wall(),
                in_touch=found.known.mirror.in_touch,
                row=row,
                instances=instance_table(cluster, service).rows,
                why=why(cluster, service, known, now=base.outside.clocks.wall()),
                happened=self.recent.about(service),
                unread=self.recent.unread,
            )
        )


def paging(parts: Parts) -> Paging:
    base = parts.base
    outside = base.outside
    recent = Recent(
        reactor=outside.reactor, run=outside.pools.etcd.calls, store=outside.etcd.store, cluster=base.cluster
    )
    return Paging(parts, recent, Examined(outside.reactor.seconds))


def put_page(root: Resource, page: Paging) -> None:
    """Add the page to the tree of resources."""
    files = Folder()
    files.putChild(b"stream", Stream(page.readers))
    files.putChild(b"service", ServicePages(page.write_service, POLICY))
    for asset in ASSETS.values():
        files.putChild(asset.path.rpartition("/")[2].encode(), UnchangingFile(asset.type, asset.digest, asset.content))
    root.putChild(b"", PageDocument(page.write, POLICY))
    root.putChild(b"page", files)
