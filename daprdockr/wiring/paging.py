# -*- test-case-name: tests.unit.wiring.test_paging -*-
"""The status page, from the agent's mirror: the same rows as those of the API, and what happened lately."""

from __future__ import annotations

from functools import cached_property

from attrs import frozen
from twisted.web.resource import Resource

from daprdockr.agent.reporting.conditions import lines
from daprdockr.api.page import PageDocument, UnchangingFile
from daprdockr.api.readers import Readers, Stream
from daprdockr.api.recent import Recent
from daprdockr.page.assets import ASSETS
from daprdockr.page.render import POLICY
from daprdockr.page.seen import Seen
from daprdockr.page.updates import ShownPage, beat
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.wiring.measuring import Measured
from daprdockr.wiring.showing import known_doubts, stopped_rollouts


@frozen
class Paging:
    """The page of an agent, with the parts that it is made from."""

    measured: Measured
    recent: Recent

    def seen(self) -> Seen:
        """Return all that the agent knows now."""
        base, found = self.measured.base, self.measured.found
        cluster, now = base.cluster, base.outside.clocks.wall()
        doubted = known_doubts(base, found)
        return Seen(
            node=base.settings.node,
            time=now,
            in_touch=found.known.mirror.in_touch,
            troubles=lines(self.measured.judged),
            overview=overview(cluster, doubted=doubted, stopped=stopped_rollouts(cluster)),
            nodes=node_table(cluster, doubted=doubted).rows,
            instances=instance_table(cluster, None).rows,
            certificates=certificate_table(cluster, now).rows,
            happened=self.recent.happened,
            unread=self.recent.unread,
        )

    @cached_property
    def shown(self) -> ShownPage:
        """The page as its readers have it; made when somebody asks for it first."""
        return ShownPage(f"{self.measured.base.outside.clocks.wall() * 1000:.0f}", self.seen())

    @cached_property
    def readers(self) -> Readers:
        return Readers(self.measured.base.outside.reactor, self)

    # The page, as readers follow it.

    @property
    def at(self) -> str:
        return self.shown.at

    def update(self) -> bytes | None:
        self.recent.refresh()
        update = self.shown.take(self.seen())
        return None if update is None else update.encode()

    def whole(self) -> bytes:
        return self.shown.whole().encode()

    def beat(self) -> bytes:
        return beat(self.measured.base.outside.clocks.wall())

    async def write(self) -> str:
        """Return the page."""
        await self.recent.refresh()
        self.readers.refresh()
        return self.shown.page()


def paging(measured: Measured) -> Paging:
    base = measured.base
    outside = base.outside
    recent = Recent(
        reactor=outside.reactor, run=outside.pools.etcd.calls, store=outside.etcd.store, cluster=base.cluster
    )
    return Paging(measured, recent)


def put_page(root: Resource, measured: Measured) -> None:
    """Add the page to the tree of resources."""
    parts = paging(measured)
    files = Resource()
    files.putChild(b"stream", Stream(parts.readers))
    for asset in ASSETS.values():
        files.putChild(asset.path.rpartition("/")[2].encode(), UnchangingFile(asset.type, asset.digest, asset.content))
    root.putChild(b"", PageDocument(parts.write, POLICY))
    root.putChild(b"page", files)
