"""How far a node is: when it says so, how often, and which requests it reports as still under way."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.progress import MOST_BUSY, SPACING, ClusterProgress, OwnProgress, Serving
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch
from daprdockr.model.stored.node import NodeRecord, Progress
from tests.build.history import CLUSTER, batch, entry, listing
from tests.build.values import KEYS
from tests.fakes.run import LoopClock

E1, E2 = "10.0.0.1:20001", "10.0.0.1:20002"


class ProgressCase(SynchronousTestCase):
    """Node ``a`` beside others; ``reached`` and ``busy`` are what names and nginx say, ``written`` each record."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.cluster = Cluster(KEYS)
        self.cluster.replace(listing(1))
        self.record = OwnProgress()
        self.reached = 1
        self.busy: frozenset[str] | Deferred[frozenset[str]] | Exception = frozenset()
        self.asked = self.advances = 0
        self.written: list[Progress] = []
        self.progress = ClusterProgress(
            reactor=self.clock,
            node="a",
            cluster=self.cluster,
            serving=Serving(lambda: self.reached, self.ask),
            record=self.record,
            write=lambda: self.written.append(self.record.value),
        )
        self.progress.advanced.subscribe(self.advance)
        self.progress.startService()
        self.addCleanup(self.progress.stopService)

    def advance(self) -> None:
        self.advances += 1

    async def ask(self) -> frozenset[str]:
        self.asked += 1
        if isinstance(self.busy, Exception):
            raise self.busy
        return await (self.busy if isinstance(self.busy, Deferred) else succeed(self.busy))

    def report(self, node: str, revision: int, progress: Progress) -> None:
        """Another node's record arrives."""
        value = NodeRecord(progress=progress).encode()
        self.progress.on_changes(self.cluster.apply(batch(entry(KEYS.node(node), revision, value, created=1))))
        self.clock.advance(0)

    def come_into_force(self, revision: int) -> None:
        self.cluster.apply(Batch(CLUSTER, revision, ()))
        self.reached = revision
        self.progress.check()
        self.clock.advance(0)


class ReportTests(ProgressCase):
    """The progress that this node reports, for which others wait."""

    def test_when_it_is_true(self) -> None:
        """A node says that it has reached a revision when somebody waits for it, and its names and routes have it."""
        self.come_into_force(7)
        self.report("b", 8, Progress())
        self.assertEqual(self.written, [])
        self.report("b", 10, Progress(awaits=9))
        self.assertEqual(self.written, [])
        self.come_into_force(10)
        self.assertEqual(self.written, [Progress(reached=10)])

    def test_one_after_another(self) -> None:
        """It does not wait with that for a later revision that another node waits for, nor is that forgotten."""
        self.reached = 10
        self.report("b", 10, Progress(awaits=9))
        self.report("c", 31, Progress(awaits=30))
        self.clock.advance(1)
        self.assertEqual(self.written, [Progress(reached=10)])
        self.come_into_force(31)
        self.clock.advance(SPACING)
        self.assertEqual(self.written[1:], [Progress(reached=31)])

    def test_of_two(self) -> None:
        """Nor does it if it learns of both at the same time."""
        self.report("b", 10, Progress(awaits=9))
        self.report("c", 31, Progress(awaits=30))
        self.reached = 10
        self.clock.advance(1)
        self.assertEqual(self.written, [Progress(reached=10)])

    def test_always_behind(self) -> None:
        """Nor if the same node, or this one, waits for later and later ones, all of which it has yet to reach."""
        for revision in range(20, 60):
            self.reached = revision - 10
            self.report("b", revision, Progress(awaits=revision))
            self.progress.wait_for(revision)
            self.clock.advance(SPACING)
        reached = [progress.reached for progress in self.written]
        self.assertGreater(reached[-1], 40)
        self.assertLess(len(set(reached)), 10)
        self.assertEqual(self.progress.reached["a"], reached[-1])

    def test_just_reached(self) -> None:
        """It need not have reached more than that."""
        self.come_into_force(9)
        self.report("b", 9, Progress(awaits=9))
        self.clock.advance(SPACING)
        self.assertEqual(self.written, [Progress(reached=9)])

    def test_once(self) -> None:
        """For what it has said already it writes nothing again."""
        self.come_into_force(20)
        self.report("b", 21, Progress(awaits=9))
        self.report("c", 22, Progress(awaits=20))
        self.come_into_force(23)
        self.assertEqual(self.written, [Progress(reached=20)])

    def test_together(self) -> None:
        """Reports that follow each other within a short time are written together."""
        for revision in range(10, 40):
            self.reached = revision
            self.report("b", revision, Progress(awaits=revision - 1))
            self.clock.advance(SPACING / 10)
        self.clock.advance(SPACING)
        self.assertGreaterEqual(self.written[-1].reached, 38)
        self.assertLessEqual(len(self.written), 5)

    def test_another_history(self) -> None:
        """In an etcd that was restored no revision counts that was reached in the former history."""
        self.come_into_force(20)
        self.report("b", 21, Progress(awaits=9))
        self.assertEqual((self.record.value, self.progress.reached["a"]), (Progress(20), 20))
        self.cluster.begin_anew(listing(5, cluster=CLUSTER + 1))
        self.come_into_force(5)
        self.assertEqual((self.record.value, self.progress.reached), (Progress(), {"a": 0}))


class WaitTests(ProgressCase):
    """The progress of others for which this node waits."""

    def test_asks(self) -> None:
        """It asks the others, and knows of itself and of them how far they are."""
        self.report("b", 8, Progress())
        for revision in (7, 5):
            self.progress.wait_for(revision)
        self.clock.advance(0)
        self.assertEqual((self.written, self.progress.reached), ([Progress(awaits=7)], {"a": 0, "b": 0}))
        self.come_into_force(9)
        self.report("b", 10, Progress(reached=9))
        self.assertEqual((self.progress.reached, self.advances), ({"a": 9, "b": 9}, 1))
        self.assertEqual(self.written, [Progress(awaits=7)])

    def test_passed_silently(self) -> None:
        """A revision that brings no change, such as that of an own write, is reached too."""
        self.progress.wait_for(7)
        self.cluster.apply(Batch(CLUSTER, 7, ()))
        self.reached = 7
        self.clock.advance(0.1)
        self.assertEqual((self.progress.reached, self.advances), ({"a": 7}, 1))

    def test_passed_silently_later(self) -> None:
        """However long that takes."""
        self.progress.wait_for(7)
        self.clock.pump([0.1] * 50)
        self.cluster.apply(Batch(CLUSTER, 7, ()))
        self.reached = 7
        self.clock.advance(1)
        self.assertEqual(self.progress.reached, {"a": 7})

    def test_known_already(self) -> None:
        """It asks nobody when all have said it, or nobody is there."""
        self.come_into_force(7)
        self.progress.wait_for(6)
        self.assertEqual(self.progress.reached, {"a": 7})
        self.report("b", 8, Progress(reached=7))
        self.progress.wait_for(7)
        self.clock.advance(1)
        self.assertEqual(self.written, [])


class BusyTests(ProgressCase):
    """Requests that nginx passed on to endpoints to which nothing leads any more."""

    def setUp(self) -> None:
        super().setUp()
        self.busy = frozenset({E1, E2})
        self.come_into_force(10)
        self.report("b", 10, Progress(awaits=9))

    def test_reported(self) -> None:
        """They are reported with the revision, and again as they end; then nginx is not asked any more."""
        self.assertEqual(self.written, [Progress(10, 0, (E1, E2))])
        self.busy = frozenset({E2})
        self.clock.pump([0.02] * 10)
        self.assertEqual(self.written[1:], [Progress(10, 0, (E2,))])
        self.busy = frozenset()
        self.clock.pump([0.1] * 10)
        self.assertEqual(self.written[2:], [Progress(10)])
        asked = self.asked
        self.clock.advance(60)
        self.assertEqual(self.asked, asked)

    def test_only_fewer(self) -> None:
        """Others that become busy are not reported before somebody waits again."""
        self.busy = frozenset({E1, E2, "10.0.0.9:1"})
        self.clock.pump([0.1] * 20)
        self.assertEqual(self.written, [Progress(10, 0, (E1, E2))])
        self.come_into_force(12)
        self.report("b", 12, Progress(awaits=11))
        self.clock.advance(SPACING)
        self.assertEqual(self.written[1:], [Progress(12, 0, (E1, E2, "10.0.0.9:1"))])

    def test_a_late_answer(self) -> None:
        """An answer to an earlier question does not shorten a list that was read after it."""
        late: Deferred[frozenset[str]] = Deferred()
        self.busy = late
        self.clock.advance(1)
        self.busy = frozenset({E1})
        self.come_into_force(12)
        self.report("b", 12, Progress(awaits=11))
        late.callback(frozenset())
        self.assertEqual(self.progress.busy, {E1})

    def test_asked_once(self) -> None:
        """While nginx takes its time to answer it is not asked again, and what was reached meanwhile comes next."""
        slow: Deferred[frozenset[str]] = Deferred()
        asked, self.busy = self.asked, slow
        self.come_into_force(12)
        self.report("b", 12, Progress(awaits=11))
        self.report("b", 20, Progress(awaits=19))
        self.come_into_force(20)
        self.clock.advance(1)
        self.assertEqual(self.asked, asked + 1)
        self.busy = frozenset()
        slow.callback(frozenset({E2}))
        self.clock.pump([0, SPACING, SPACING])
        self.assertEqual((self.asked, self.written[-1]), (asked + 2, Progress(20)))

    def test_stopped_while_asking(self) -> None:
        """An answer that comes after the stop has no consequences."""
        slow: Deferred[frozenset[str]] = Deferred()
        self.busy = slow
        self.come_into_force(12)
        self.report("b", 12, Progress(awaits=11))
        self.progress.stopService()
        slow.callback(frozenset({E1}))
        asked = self.asked
        self.clock.advance(60)
        self.assertEqual(self.asked, asked)
        self.progress.startService()

    def test_of_others(self) -> None:
        """Those at other nodes count too."""
        self.report("b", 11, Progress(busy=("10.0.0.1:3",)))
        self.assertEqual(self.progress.busy, {E1, E2, "10.0.0.1:3"})

    def test_bounded(self) -> None:
        """Very many are not all written."""
        self.busy = frozenset(f"10.0.0.1:{port}" for port in range(1000))
        self.come_into_force(12)
        self.report("b", 12, Progress(awaits=11))
        self.clock.advance(SPACING)
        self.assertEqual(len(self.written[-1].busy), MOST_BUSY)

    def test_a_fault(self) -> None:
        """An error while asking is logged, and counts as no request."""
        self.busy = ValueError("no way")
        with capturedLogs() as logs:
            self.clock.advance(1)
        self.assertEqual((len(self.flushLoggedErrors(ValueError)), len(logs)), (1, 1))
        self.assertEqual(self.progress.busy, set())


class IdleTests(ProgressCase):
    def test_own_record(self) -> None:
        """It does not report that it has reached what it waits for itself."""
        self.report("b", 8, Progress())
        self.progress.wait_for(7)
        self.report("a", 9, Progress(awaits=7))
        self.come_into_force(10)
        self.clock.advance(1)
        self.assertEqual(self.written, [Progress(awaits=7)])

    def test_stopped_meanwhile(self) -> None:
        """Nor does it go on with anything that it was about to do."""
        self.busy = frozenset({E1})
        self.come_into_force(10)
        self.report("b", 10, Progress(awaits=9))
        self.report("b", 12, Progress(awaits=11))
        self.busy = frozenset()
        self.progress.wait_for(13)
        self.progress.on_changes(Changes(nodes=True))
        self.assertNotEqual(self.clock.getDelayedCalls(), [])
        self.progress.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.progress.startService()

    def test_stopped(self) -> None:
        """After its stop it does nothing more."""
        self.progress.stopService()
        self.progress.on_changes(Changes(nodes=True))
        self.progress.wait_for(5)
        self.clock.advance(1)
        self.assertEqual((self.written, self.asked, self.clock.getDelayedCalls()), ([], 0, []))
        self.progress.startService()
