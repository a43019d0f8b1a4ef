"""The mirror as a service: when it is in touch, what freezes it, and what it keeps on disk."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.snapshots import KEEP_DELAY, KEEP_RETRY
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry, Listing
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.pool import Run
from tests.build.history import claimed, defined
from tests.build.situations import starting_record
from tests.build.values import API, KEYS, WEB, instance
from tests.fakes.run import HeldRun, LoopClock, run_at_once
from tests.fakes.store import MemoryStore

AWAY = EtcdUnavailable("etcd did not answer")


class SilentFollower:
    """A follower that tells nothing by itself; ``told`` says what was asked of it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")

    def list_again(self) -> None:
        self.told.append("list again")


class MirrorCase(SynchronousTestCase):
    """A mirror that the test tells of etcd as the follower would; ``changes`` is what it handed on."""

    def setUp(self) -> None:
        self.clock = LoopClock()
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
            draw_identity=lambda: 7,
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


class TouchTests(MirrorCase):
    """``in_touch``, and what is handed on."""

    def setUp(self) -> None:
        super().setUp()
        self.mirror.startService()

    def test_at_first(self) -> None:
        """Before etcd was heard of the mirror is out of touch, empty, and says why."""
        self.assertFalse(self.mirror.in_touch)
        self.assertEqual((self.mirror.trouble, self.changes), ("etcd was not reached yet", []))

    def test_threads(self) -> None:
        """What the follower tells in its thread is taken over in the reactor's."""
        self.mirror.listed(Listing(1, 5, (defined(WEB, 3),)))
        self.assertFalse(self.mirror.in_touch)
        self.clock.advance(0)
        self.assertTrue(self.mirror.in_touch)

    def test_listed(self) -> None:
        """The first listing brings the mirror in touch and hands on all there is, nodes too."""
        self.listed(5, defined(WEB, 3), claimed(instance(1), starting_record(), 4))
        self.assertTrue(self.mirror.in_touch)
        self.assertEqual((self.mirror.trouble, self.changes), ("", [Changes(frozenset({WEB}), True)]))
        self.assertEqual(self.mirror.known_services(), {WEB})

    def test_listed_empty(self) -> None:
        """An etcd without a key of ours is news all the same: names that nobody has can be denied from now on."""
        self.listed(1)
        self.assertEqual(self.changes, [Changes(frozenset(), True)])

    def test_changed(self) -> None:
        """In touch, a change hands on the service that it touched and no other."""
        self.listed(5, defined(WEB, 3))
        self.changed(6, defined(API, 6))
        self.assertEqual(self.changes[1:], [Changes(frozenset({API}))])

    def test_many(self) -> None:
        """What comes faster than the reactor takes it is one call to it, and is handed on once, as it is at last."""
        self.listed(5, defined(WEB, 3))
        waiting = len(self.clock.getDelayedCalls())
        for revision in range(6, 1006):
            self.mirror.changed(Batch(1, revision, (defined(API, revision),)))
        self.assertEqual(len(self.clock.getDelayedCalls()) - waiting, 1)
        self.clock.advance(0)
        self.assertEqual(self.changes[1:], [Changes(frozenset({API}))])
        self.assertEqual(self.mirror.cluster.services[API].revision, 1005)

    def test_nothing_new(self) -> None:
        """What is known already is not handed on."""
        self.listed(5, defined(WEB, 3))
        self.listed(5, defined(WEB, 3))
        self.changed(5, defined(WEB, 3))
        self.assertEqual(len(self.changes), 1)

    def test_lost(self) -> None:
        """A broken watch puts the mirror out of touch; it hands nothing on and keeps what it has."""
        self.listed(5, defined(WEB, 3))
        self.lost()
        self.assertEqual((self.mirror.in_touch, self.mirror.trouble), (False, str(AWAY)))
        self.assertEqual((len(self.changes), self.mirror.known_services()), (1, {WEB}))

    def test_resumed(self) -> None:
        """A watch that goes on where it broke brings the mirror back in touch: everything is looked at again."""
        self.listed(5, defined(WEB, 3))
        self.lost()
        self.changed(5)
        self.assertTrue(self.mirror.in_touch)
        self.assertEqual(self.changes[1:], [Changes(frozenset({WEB}), True)])

    def test_lost_is_logged_once(self) -> None:
        """A loss that goes on is one line in the log."""
        self.listed(5)
        with capturedLogs() as logged:
            for _ in range(10):
                self.lost()
                self.clock.advance(1)
        self.assertEqual([event["log_format"] for event in logged], ["trouble with etcd began: {reason}"])

    def test_deleted(self) -> None:
        """A deletion that etcd tells removes the service and hands it on."""
        self.listed(5, defined(WEB, 3))
        self.changed(6, Deleted(KEYS.service(WEB), 6))
        self.assertEqual((self.mirror.known_services(), self.changes[1:]), (set(), [Changes(frozenset({WEB}))]))

    def test_own_write(self) -> None:
        """An own write is handed on at once, and not a second time when the watch tells it."""
        self.listed(5, defined(WEB, 3))
        self.mirror.note(claimed(instance(1), starting_record(), 6))
        self.assertEqual(list(self.mirror.cluster.claims(WEB)), [1])
        self.changed(6, claimed(instance(1), starting_record(), 6))
        self.assertEqual(self.changes[1:], [Changes(frozenset({WEB}))])


class FreezeTests(MirrorCase):
    """Doubt: what etcd says is not believed."""

    def setUp(self) -> None:
        super().setUp()
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.changes.clear()

    def assert_frozen(self, reason: str) -> None:
        """Out of touch for this reason, nothing handed on, nothing forgotten."""
        self.assertFalse(self.mirror.in_touch)
        self.assertIn(reason, self.mirror.trouble)
        self.assertEqual((self.changes, self.mirror.known_services()), ([], {WEB}))

    def test_foreign_cluster(self) -> None:
        """The listing of another etcd cluster is refused."""
        self.listed(9, cluster=2)
        self.assert_frozen("frozen: this etcd is another cluster (2)")

    def test_smaller_revision(self) -> None:
        """A listing from before what is known is refused."""
        self.listed(4)
        self.assert_frozen("frozen: this etcd went back from revision 5 to 4")

    def test_foreign_change(self) -> None:
        """A change from another etcd cluster is refused."""
        self.changed(6, Deleted(KEYS.service(WEB), 6), cluster=2)
        self.assert_frozen("frozen: a change came from another etcd cluster (2)")

    def test_changes_after_a_refused_listing(self) -> None:
        """After a refused listing changes are refused too, old or new: they belong to what was not believed."""
        self.listed(4)
        for revision in (4, 5, 6):
            self.changed(revision, Deleted(KEYS.service(WEB), revision))
        self.changed(6)
        self.assert_frozen("went back from revision 5 to 4")

    def test_logged_once(self) -> None:
        """However much a foreign etcd has to say, that it is foreign is one line in the log."""
        with capturedLogs() as logged:
            for revision in range(6, 9):
                self.listed(revision, cluster=2)
                self.changed(revision, cluster=2)
        self.assertEqual(len(logged), 1)

    def test_lost_while_frozen(self) -> None:
        """A watch that breaks and goes on does not end the doubt."""
        self.listed(4)
        self.lost()
        self.changed(6, defined(API, 6))
        self.assert_frozen("etcd did not answer")

    def test_doubt_lasts(self) -> None:
        """A history that went back is not believed when it has gone on past what is known."""
        self.listed(4)
        for revision in (5, 6, 100):
            self.listed(revision, defined(API, 4), defined(WEB, 3))
            self.changed(revision + 1, Deleted(KEYS.service(WEB), revision + 1))
        self.assert_frozen("frozen: this etcd went back from revision 5 to 4")

    def test_doubt_survives(self) -> None:
        """Neither is it by the next agent."""
        self.clock.advance(KEEP_DELAY)
        self.listed(4)
        self.successResultOf(self.mirror.stopService())
        self.mirror = self.make()
        self.mirror.startService()
        self.changes.clear()
        self.assert_frozen("frozen: this etcd went back from revision 5 to 4")
        self.listed(7)
        self.assert_frozen("frozen: this etcd went back from revision 5 to 4")

    def test_known_etcd_is_back(self) -> None:
        """Another etcd is not believed; the one that is known is, when it is back in its place."""
        self.listed(9, cluster=2)
        self.listed(6, defined(WEB, 3), defined(API, 6))
        self.assertTrue(self.mirror.in_touch)
        self.assertEqual(self.mirror.known_services(), {API, WEB})
        self.assertIsNone(self.state.read_doubt())


class DiskTests(MirrorCase):
    """The last known state."""

    def kept(self) -> tuple[int, list[str]]:
        """Revision and keys of what is on disk."""
        listing = self.state.read_listing()
        return (listing.revision, [entry.key for entry in listing.entries]) if listing else (0, [])

    def test_load(self) -> None:
        """The agent begins with what is on disk, hands it on, and is not in touch by that."""
        self.state.write_listing(Listing(1, 5, (defined(WEB, 3),)))
        self.mirror.startService()
        self.assertEqual((self.changes, self.mirror.in_touch), ([Changes(frozenset({WEB}))], False))
        self.assertEqual(self.follower.told, ["start"])

    def test_loaded_cluster_is_remembered(self) -> None:
        """What is on disk says which etcd is the known one: another one is refused after a restart too."""
        self.state.write_listing(Listing(1, 5, (defined(WEB, 3),)))
        self.mirror.startService()
        self.listed(9, cluster=2)
        self.assertFalse(self.mirror.in_touch)
        self.assertEqual(self.mirror.known_services(), {WEB})

    def test_garbage(self) -> None:
        """What cannot be read on disk counts as not there."""
        (self.state.path / "cluster.json").write_bytes(b"{")
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.assertTrue(self.mirror.in_touch)

    def test_debounced(self) -> None:
        """Changes are kept some time after the first of them, once, as they are then."""
        run = HeldRun()
        self.mirror = self.make(run)
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.clock.advance(KEEP_DELAY / 2)
        self.changed(6, defined(API, 6))
        self.assertEqual(run.names, [])
        self.clock.advance(KEEP_DELAY / 2)
        self.assertEqual(run.names, ["write_listing"])
        run.end("write_listing")
        self.assertEqual(self.kept(), (6, [KEYS.identity, KEYS.service(WEB), KEYS.service(API)]))
        self.clock.advance(60)
        self.assertEqual(run.names, [])

    def test_one_writer(self) -> None:
        """A write that takes long is followed by one more, however much changed, after a rest ten times as long."""
        run = HeldRun()
        self.mirror = self.make(run)
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.clock.advance(KEEP_DELAY)
        for revision in range(6, 16):
            self.changed(revision, defined(API, revision))
            self.clock.advance(1.0)
        self.assertEqual(run.names, ["write_listing"])
        run.end("write_listing")
        self.assertEqual((self.kept()[0], run.names), (5, []))
        self.clock.advance(99.0)
        self.assertEqual(run.names, [])
        self.clock.advance(1.0)
        run.end("write_listing")
        self.assertEqual((self.kept()[0], run.names), (15, []))

    def test_write_fails(self) -> None:
        """What could not be kept is told once, and tried again until it is."""
        self.mirror.startService()
        (self.state.path / "cluster.json").mkdir()
        with capturedLogs() as logged:
            self.listed(5, defined(WEB, 3))
            self.clock.pump([KEEP_DELAY, KEEP_RETRY, KEEP_RETRY])
        self.assertEqual([event["log_level"].name for event in logged].count("warn"), 1)
        (self.state.path / "cluster.json").rmdir()
        self.clock.advance(KEEP_RETRY)
        self.assertEqual(self.kept()[0], 5)

    def test_write_fails_at_the_stop(self) -> None:
        """A stop tries once more, and ends whether or not that succeeds."""
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        (self.state.path / "cluster.json").mkdir()
        self.successResultOf(self.mirror.stopService())
        (self.state.path / "cluster.json").rmdir()
        self.successResultOf(self.mirror.stopService())
        self.assertEqual(self.kept()[0], 5)

    def test_stop(self) -> None:
        """A stop ends the follower, then keeps what was not kept yet; no timer is left."""
        run = HeldRun()
        self.mirror = self.make(run)
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        stopped = self.mirror.stopService()
        self.assertEqual((run.names, self.clock.getDelayedCalls()), (["stop"], []))
        run.end("stop")
        self.assertEqual((self.follower.told, run.names), (["start", "stop"], ["write_listing"]))
        run.end("write_listing")
        self.successResultOf(stopped)
        self.assertEqual(self.kept()[0], 5)

    def test_stop_with_nothing_new(self) -> None:
        """A stop writes nothing when all is kept."""
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.clock.advance(KEEP_DELAY)
        (self.state.path / "cluster.json").unlink()
        self.successResultOf(self.mirror.stopService())
        self.assertEqual(self.kept(), (0, []))
