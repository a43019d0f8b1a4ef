"""A mirror to which a test passes lists and changes of etcd, as the follower would."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch, Change, Entry, Listing
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.pool import Run
from tests.build.values import KEYS
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

AWAY = EtcdUnavailable("etcd did not answer")


class SilentFollower:
    """A follower that reports nothing by itself; ``told`` has the calls that it received."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")

    def list_again(self) -> None:
        self.told.append("list again")


class MirrorCase(SynchronousTestCase):
    """
    A mirror to which the test passes changes as the follower would; ``changes`` has those that it handed on, and
    ``drawn`` is the number that it draws next.
    """

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.drawn = 7
        self.changes: list[Changes] = []
        self.follower = SilentFollower()
        self.store = MemoryStore()
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        self.state = StateDir(path)
        self.mirror = self.make()

    def make(self, run: Run = run_at_once) -> Mirror:
        return Mirror(
            reactor=self.clock,
            etcd=Connection(self.store, run, Outage(self.clock.seconds)),
            cluster=Cluster(KEYS),
            state=self.state,
            draw_identity=lambda: self.drawn,
            follow=lambda mirror: self.follower,
            on_changes=self.changes.append,
        )

    def listed(self, revision: int, *entries: Entry, cluster: int = 1) -> None:
        """Of an etcd that has an identity."""
        self.mirror.listed(Listing(cluster, revision, (Entry(KEYS.identity, b"7", 1, 1), *entries)))
        self.clock.advance(0)

    def changed(self, revision: int, *changes: Change, cluster: int = 1) -> None:
        self.mirror.changed(Batch(cluster, revision, changes))
        self.clock.advance(0)

    def lost(self) -> None:
        self.mirror.lost(AWAY)
        self.clock.advance(0)
