"""The mirror as a service: when it is in touch, what freezes it, and what it keeps on disk."""

from __future__ import annotations

from twisted.logger import capturedLogs

from daprdockr.agent.mirror.snapshots import KEEP_DELAY, KEEP_RETRY, LAST_WRITE
from daprdockr.model.known.changes import Changes
from daprdockr.model.stored.entries import Batch, Deleted, Listing
from daprdockr.model.troubles.host import StateUnwritten
from tests.build.history import claimed, defined
from tests.build.mirror_case import AWAY, MirrorCase
from tests.build.situations import starting_record
from tests.build.values import API, KEYS, WEB, instance
from tests.fakes.run import HeldRun


class TouchTests(MirrorCase):
    """``in_touch``, and what is handed on."""

    def setUp(self) -> None:
        super().setUp()
        self.mirror.startService()

    def test_at_first(self) -> None:
        """Before etcd has answered the mirror is out of touch, empty, and says why."""
        self.assertFalse(self.mirror.in_touch)
        self.assertEqual((self.mirror.trouble, self.changes), ("etcd was not reached yet", []))

    def test_threads(self) -> None:
        """Reports that the follower makes in its thread are taken over in the reactor's."""
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
        """An etcd without a key of ours is a change as well: names that nobody has can be denied from now on."""
        self.listed(1)
        self.assertEqual(self.changes, [Changes(frozenset(), True)])

    def test_changed(self) -> None:
        """In touch, a change hands on the service that it touched and no other."""
        self.listed(5, defined(WEB, 3))
        self.changed(6, defined(API, 6))
        self.assertEqual(self.changes[1:], [Changes(frozenset({API}))])

    def test_many(self) -> None:
        """Changes faster than the reactor takes them are one call to it, and are handed on once, in their last form."""
        self.listed(5, defined(WEB, 3))
        waiting = len(self.clock.getDelayedCalls())
        for revision in range(6, 1006):
            self.mirror.changed(Batch(1, revision, (defined(API, revision),)))
        self.assertEqual(len(self.clock.getDelayedCalls()) - waiting, 1)
        self.clock.advance(0)
        self.assertEqual(self.changes[1:], [Changes(frozenset({API}))])
        self.assertEqual(self.mirror.cluster.services[API].revision, 1005)

    def test_nothing_new(self) -> None:
        """Entries that are known already are not handed on."""
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
        """A watch that goes on where it broke brings the mirror back in touch: everything is reported as changed."""
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
        """A deletion that etcd reports removes the service and is handed on."""
        self.listed(5, defined(WEB, 3))
        self.changed(6, Deleted(KEYS.service(WEB), 6))
        self.assertEqual((self.mirror.known_services(), self.changes[1:]), (set(), [Changes(frozenset({WEB}))]))

    def test_own_write(self) -> None:
        """An own write is handed on at once, and not a second time when the watch reports it."""
        self.listed(5, defined(WEB, 3))
        self.mirror.note(claimed(instance(1), starting_record(), 6))
        self.assertEqual(list(self.mirror.cluster.claims(WEB)), [1])
        self.changed(6, claimed(instance(1), starting_record(), 6))
        self.assertEqual(self.changes[1:], [Changes(frozenset({WEB}))])


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
        """The content of the disk says which etcd is the known one: another one is refused after a restart too."""
        self.state.write_listing(Listing(1, 5, (defined(WEB, 3),)))
        self.mirror.startService()
        self.listed(9, cluster=2)
        self.assertFalse(self.mirror.in_touch)
        self.assertEqual(self.mirror.known_services(), {WEB})

    def test_garbage(self) -> None:
        """A file that cannot be read counts as absent."""
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
        """A write that fails is logged once, a trouble meanwhile, and tried again until it succeeds."""
        self.mirror.startService()
        (self.state.path / "cluster.json").mkdir()
        with capturedLogs() as logged:
            self.listed(5, defined(WEB, 3))
            self.clock.pump([KEEP_DELAY, KEEP_RETRY, KEEP_RETRY])
        self.assertEqual([event["log_level"].name for event in logged].count("warn"), 1)
        self.assertEqual(self.mirror.snapshots.condition, StateUnwritten("Is a directory"))
        (self.state.path / "cluster.json").rmdir()
        self.clock.advance(KEEP_RETRY)
        self.assertIsNone(self.mirror.snapshots.condition)
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

    def test_stop_while_the_disk_hangs(self) -> None:
        """A stop does not wait for a disk that takes nothing, and says what is not kept."""
        run = HeldRun()
        self.mirror = self.make(run)
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        stopped = self.mirror.stopService()
        run.end("stop")
        with capturedLogs() as logged:
            self.clock.advance(LAST_WRITE - 0.1)
            self.assertNoResult(stopped)
            self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual([event["reason"] for event in logged], ["the disk of the state directory took more than 10 s"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_with_nothing_new(self) -> None:
        """A stop writes nothing when all is kept."""
        self.mirror.startService()
        self.listed(5, defined(WEB, 3))
        self.clock.advance(KEEP_DELAY)
        (self.state.path / "cluster.json").unlink()
        self.successResultOf(self.mirror.stopService())
        self.assertEqual(self.kept(), (0, []))
