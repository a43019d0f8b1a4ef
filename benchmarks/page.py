# -*- test-case-name: tests.tools.test_bench_page -*-
"""
The status page of a cluster of 1,000 instances in Chromium: how soon it is painted, and what an update costs.

    .venv/bin/python -m benchmarks.page [--instances 1000] [--loads 5] [--updates 40]

The mirror is filled from keys, and one instance after another fails its check and is well again. The tables, the page,
its stream and the listener are the agent's own; etcd, the Docker Engine and the agent's loops take no part. Durations
in the browser are processor time of its main thread, as its developer tools count it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from attrs import define, evolve, frozen
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource

from daprdockr.api.bounded_site import BoundedSite
from daprdockr.api.page import PageDocument, UnchangingFile
from daprdockr.api.readers import Readers, Stream
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import State
from daprdockr.page.assets import ASSETS
from daprdockr.page.render import POLICY
from daprdockr.page.updates import ShownPage, beat
from tests.build.history import batch, claimed, listing
from tests.build.page import NOW, large, seen_in
from tests.build.values import KEYS, named
from tests.rig.browser import Browser

MILLI = 1e3
PAINTED = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)[0]"
_COUNTED = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")


@define(eq=False)
class Followed:
    """A page over a mirror, as an agent has it; ``spent`` are the processor seconds of each update."""

    cluster: Cluster
    shown: ShownPage
    spent: list[float]
    revision: Any

    @classmethod
    def of(cls, instances: int) -> Followed:
        cluster = Cluster(KEYS)
        cluster.replace(listing(100, *large(instances)))
        return cls(cluster, ShownPage("bench", seen_in(cluster)), [], count(101))

    @property
    def at(self) -> str:
        return self.shown.at

    def flap(self, number: int) -> None:
        """The first instance of a service fails its check, or is well again."""
        name = InstanceName(named(f"service-{number // 2}").name, 1)
        claim = self.cluster.claims(name.service)[1]
        ill = number % 2 == 0
        record = evolve(claim.record, healthy=not ill, state=State.UNHEALTHY if ill else State.RUNNING)
        self.cluster.apply(batch(claimed(name, record, next(self.revision))))

    def update(self) -> bytes | None:
        begun = time.process_time()
        update = self.shown.take(seen_in(self.cluster))
        encoded = None if update is None else update.encode()
        if encoded is not None:
            self.spent.append(time.process_time() - begun)
        return encoded

    def whole(self) -> bytes:
        return self.shown.whole().encode()

    def beat(self) -> bytes:
        return beat(NOW)

    async def write(self) -> str:
        return self.shown.page()


@frozen
class PageFigures:
    """Milliseconds: until the first paint of each load; and of the browser for all updates, by kind."""

    size: int
    paints: Sequence[float]
    durations: dict[str, float]
    updates: int
    spent: Sequence[float]


def report(found: PageFigures) -> str:
    """Return the figures for people."""
    each = {name: value / found.updates for name, value in found.durations.items()}
    return "\n".join(
        (
            f"page: {found.size / 1024:.0f} KiB; first paint {statistics.median(found.paints):.0f} ms in the median of "
            f"{len(found.paints)} loads, {max(found.paints):.0f} at most (goal: 1000)",
            f"an update, of {found.updates}: scripts {each['ScriptDuration']:.2f} ms (goal: 16), style "
            f"{each['RecalcStyleDuration']:.2f}, layout {each['LayoutDuration']:.2f}, all {each['TaskDuration']:.2f}",
            f"the agent's processor time for it: {statistics.median(found.spent) * MILLI:.1f} ms in the median",
        )
    )


def measure(url: str, followed: Followed, call: Any, loads: int, updates: int) -> PageFigures:
    """Blocking. :param call: runs a function in the reactor's thread."""
    browser = Browser()
    try:
        paints = []
        for _ in range(loads):
            browser.open(url)
            browser.until("#state.live", "Live", 60)
            paints.append(float(browser.run(PAINTED)))
        browser.command("Performance.enable", timeDomain="threadTicks")
        before, first = _counted(browser), len(followed.spent)
        for number in range(updates):
            call(followed.flap, number)
            words = "1 missing" if number % 2 == 0 else "✓ healthy"
            browser.until(f"[id='service-service-{number // 2}.myapp']", words, 60)
        after = _counted(browser)
    finally:
        browser.close()
    spent = followed.spent[first:]
    durations = {name: (after[name] - before[name]) * MILLI for name in _COUNTED}
    return PageFigures(len(followed.shown.page()), paints, durations, len(spent), spent)


def _counted(browser: Browser) -> dict[str, float]:
    found = browser.command("Performance.getMetrics")["metrics"]
    return {one["name"]: float(one["value"]) for one in found if one["name"] in _COUNTED}


def main(words: Sequence[str] | None = None) -> None:
    from twisted.internet import reactor

    loop: Any = reactor
    parser = argparse.ArgumentParser(description="The status page in Chromium.")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--updates", type=int, default=40)
    given = parser.parse_args(words)
    followed = Followed.of(given.instances)
    port = loop.listenTCP(0, BoundedSite(_root(followed, loop), reactor=loop), interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/"
    done = deferToThread(measure, url, followed, loop.callFromThread, given.loads, given.updates)
    done.addCallback(lambda found: print(report(found)))
    done.addErrback(lambda failure: failure.printTraceback())
    done.addBoth(lambda _: loop.stop())
    loop.run()


def _root(followed: Followed, reactor: Any) -> Resource:
    root, files = Resource(), Resource()
    for asset in ASSETS.values():
        files.putChild(asset.path.rpartition("/")[2].encode(), UnchangingFile(asset.type, asset.digest, asset.content))
    files.putChild(b"stream", Stream(Readers(reactor, followed)))
    root.putChild(b"", PageDocument(followed.write, POLICY))
    root.putChild(b"page", files)
    return root


if __name__ == "__main__":
    main()
