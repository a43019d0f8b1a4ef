"""Which copies nothing leads to, since when, and which of their ports still work on requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Port
from daprdockr.model.stored.node import NodeRecord, Progress
from tests.build.values import HTTP, KEYS, WEB, definition
from tests.fakes.agents import MemoryCluster


class WithdrawalsTests(SynchronousTestCase):
    """On a node ``a`` at 10.0.0.1, beside a node ``b`` that only has a record."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(2)
        (self.container,) = self.agent.running
        self.withdrawals = self.agent.parts.acting.withdrawals
        self.other = self.cluster.store.grant(60).id

    def report(self, progress: Progress) -> None:
        """Node ``b`` says how far it is."""
        self.cluster.store.put(KEYS.node("b"), NodeRecord(progress=progress).encode(), self.other)
        self.cluster.advance(0.1)

    def test_led_to(self) -> None:
        """A copy that its claim names as healthy is led to."""
        self.assertEqual(dict(self.withdrawals.of(WEB).withdrawn), {})
        self.assertEqual(self.withdrawals.waiting, set())

    def test_since(self) -> None:
        """One of a deleted service is not, from the moment on at which that is known."""
        self.report(Progress())
        self.cluster.delete(WEB)
        deleted = self.cluster.store.list(KEYS.root).revision
        self.cluster.advance(0.1)
        fronts = self.withdrawals.of(WEB)
        (seen,) = fronts.withdrawn.values()
        self.assertEqual((seen.revision, self.withdrawals.waiting), (deleted, {WEB}))
        self.assertEqual(fronts.reached["b"], 0)
        since = seen.since
        self.cluster.advance(0.5)
        self.assertEqual(self.withdrawals.of(WEB).withdrawn[self.container.id].since, since)

    def test_ends(self) -> None:
        """When it has been stopped nothing waits any more, and nothing is remembered."""
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        self.assertEqual((self.withdrawals.waiting, dict(self.withdrawals.of(WEB).withdrawn)), (set(), {}))

    def test_own_ports(self) -> None:
        """Of the endpoints that are busy those of this node count, by their ports; what is no endpoint does not."""
        (port,) = self.container.ports or (Port(8080, "tcp", 0),)
        ours = f"10.0.0.1:{port.host}"
        self.report(Progress())
        self.cluster.delete(WEB)
        self.cluster.advance(0.1)
        self.report(Progress(1000, 0, (ours, "10.0.0.2:99", "10.0.0.1:x", "", "[::1]:7")))
        self.assertEqual(self.withdrawals.of(WEB).busy, {port.host})

    def test_goes_on_working(self) -> None:
        """It runs as long as a node reports a request under way on it, and not much longer than that."""
        (port,) = self.container.ports
        self.report(Progress())
        self.cluster.delete(WEB)
        self.cluster.advance(0.1)
        self.report(Progress(1000, 0, (f"10.0.0.1:{port.host}",)))
        self.cluster.advance(5)
        self.assertEqual(len(self.agent.running), 1)
        self.report(Progress(1000))
        self.cluster.advance(0.5)
        self.assertEqual(self.agent.running, [])
