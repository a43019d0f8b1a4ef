"""The case of whole agents whose etcd can be restored from a snapshot."""

from __future__ import annotations

import contextlib
from io import BytesIO, StringIO

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.trust_etcd import trust_etcd
from daprdockr.cli.confirmed import NotConfirmed
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, definition
from tests.build.whole import MARKED, names, starts
from tests.fakes.agents import MemoryCluster

ALL = ["1.api.myapp", "1.web.myapp"]


def api() -> Definition:
    return definition(Name="api")


class SnapshotCase(SynchronousTestCase):
    """One node runs ``web``; after ``self.snapshot`` was taken ``api`` was set, which runs there too."""

    SETTLED = 1.0
    """Seconds from then to the beginning of the test."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.store = self.cluster.store
        self.agent = self.cluster.add("a")
        self.cluster.define(definition())
        self.cluster.advance(MARKED)
        self.snapshot = self.store.snapshot()
        self.cluster.define(api())
        self.cluster.advance(self.SETTLED)
        self.assertEqual(names(self.agent), ALL)
        self.before = starts(self.agent)

    def restore(self, bump: int = 0) -> None:
        """Go back, and on by writes of others: beyond every revision that an agent or a container knows."""
        known = self.store.revision
        self.store.restore(self.snapshot, bump)
        for number in range(known + 20 - self.store.revision):
            self.store.put("/others", b"%d" % number)

    def trust(self, *, yes: bool = True) -> str:
        """The output of the command."""
        self.cluster.advance(3)
        out = StringIO()
        with contextlib.suppress(NotConfirmed):
            trust_etcd(Request("trust-etcd", keys=KEYS, yes=yes), self.store, Console(BytesIO(), out, out))
        for _ in range(2):  # the word comes by the watch, and has agents list again
            self.cluster.advance(1)
        return out.getvalue()
