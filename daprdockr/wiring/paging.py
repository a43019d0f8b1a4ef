# -*- test-case-name: tests.unit.wiring.test_paging -*-
"""The status page, from the agent's mirror: the same rows as those of the API, and what happened lately."""

from __future__ import annotations

from attrs import frozen
from twisted.web.resource import Resource

from daprdockr.agent.reporting.conditions import lines
from daprdockr.api.page import PageDocument, UnchangingFile
from daprdockr.api.recent import Recent
from daprdockr.page.assets import ASSETS
from daprdockr.page.fragments import fragments
from daprdockr.page.render import POLICY, page, texts_of
from daprdockr.page.seen import Seen
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.wiring.measuring import Measured
from daprdockr.wiring.showing import known_doubts, stopped_rollouts


@frozen
class Paging:
    """What the page is made from."""

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

    async def write(self) -> str:
        """Return the page."""
        await self.recent.refresh()
        seen = self.seen()
        return page(seen, texts_of(fragments(seen)), at="")


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
    for asset in ASSETS.values():
        files.putChild(asset.path.rpartition("/")[2].encode(), UnchangingFile(asset.type, asset.digest, asset.content))
    root.putChild(b"", PageDocument(parts.write, POLICY))
    root.putChild(b"page", files)
