"""Doubt: what etcd says is not believed, and what ends that."""

from __future__ import annotations

from twisted.logger import capturedLogs

from daprdockr.agent.mirror.belief import ASK_AGAIN, MOST_BYTES
from daprdockr.agent.mirror.snapshots import KEEP_DELAY
from daprdockr.model.stored.doubts import Doubt, encode_trust
from daprdockr.model.stored.entries import Batch, Deleted, Entry
from tests.build.history import defined
from tests.build.mirror_case import MirrorCase
from tests.build.values import API, KEYS, WEB, named
from tests.fakes.run import HeldRun

WENT_BACK = "this etcd went back from revision 5 to 4"


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

    def test_doubt_survives_damage(self) -> None:
        """Nor does it end because the file that keeps it was damaged: that says nothing of etcd."""
        self.clock.advance(KEEP_DELAY)
        self.listed(4)
        self.successResultOf(self.mirror.stopService())
        (self.state.path / "doubt.json").write_bytes(b"garbage")
        self.mirror = self.make()
        self.mirror.startService()
        self.changes.clear()
        reason = "frozen: an earlier agent doubted this etcd, and its reason cannot be read"
        self.assert_frozen(reason)
        self.listed(7)
        self.assert_frozen(reason)
        self.assertEqual(self.state.read_doubt(), self.mirror.doubt)

    def test_known_etcd_is_back(self) -> None:
        """Another etcd is not believed; the one that is known is, when it is back in its place."""
        self.listed(9, cluster=2)
        self.listed(6, defined(WEB, 3), defined(API, 6))
        self.assertTrue(self.mirror.in_touch)
        self.assertEqual(self.mirror.known_services(), {API, WEB})
        self.assertIsNone(self.state.read_doubt())

    def test_number(self) -> None:
        """A doubt keeps its number whatever else is doubted meanwhile; the next one has its own, which nobody saw."""
        self.changed(6, cluster=2)
        first = self.mirror.doubt
        self.drawn = 8
        self.listed(9, cluster=2)
        self.listed(4)
        assert first is not None
        self.assertEqual((first.number, first.lasts), (7, False))
        self.assertEqual(self.state.read_doubt(), Doubt(7, WENT_BACK))

    def test_number_of_the_next(self) -> None:
        """After the known etcd was back another doubt begins, which no decision about the first one ends."""
        self.changed(6, cluster=2)
        self.listed(5, defined(WEB, 3))
        self.assertIsNone(self.mirror.doubt)
        self.drawn = 8
        self.listed(4)
        self.assertEqual(self.state.read_doubt(), Doubt(8, WENT_BACK))
        for decided, is_over in ((7, False), (8, True)):
            self.listed(9, defined(WEB, 3), Entry(KEYS.trust, encode_trust([decided]), 9, 9))
            self.assertEqual(self.mirror.doubt is None, is_over)


class PutOffTests(MirrorCase):
    """Note [Changes follow their list]: a list that needs an answer about the past, which does not come at once."""

    def setUp(self) -> None:
        super().setUp()
        self.held = HeldRun()
        self.mirror = self.make(self.held)
        self.mirror.startService()
        self.store.put(KEYS.identity, b"7")
        self.define(WEB.service)
        self.report()
        self.define(WEB.service)  # the mirror does not see how it was written again
        self.report()

    def define(self, service: str) -> None:
        self.store.put(KEYS.service(named(service).name), named(service).encode())

    def report(self) -> None:
        """Report all that etcd holds."""
        self.mirror.listed(self.store.list(KEYS.mirrored))
        self.clock.advance(0)

    def change(self, service: str) -> None:
        """Store a definition and report it."""
        self.define(service)
        batch = self.store.since(KEYS.mirrored, self.store.revision)
        assert batch is not None
        self.mirror.changed(batch)
        self.clock.advance(0)

    def refuse_answer(self) -> None:
        """The question reaches etcd while it is away."""
        self.store.unavailable = True
        self.held.end("list")
        self.store.unavailable = False

    def assert_put_off(self) -> None:
        """Nothing was taken over, another list was asked for; it is believed, and so are the changes after it."""
        self.change(API.service)
        self.assertEqual((self.mirror.known_services(), self.mirror.cluster.revision), ({WEB}, 3))
        self.assertFalse(self.mirror.in_touch)
        self.clock.advance(ASK_AGAIN)
        self.assertEqual(self.follower.told[-1], "list again")

        self.report()
        self.held.end("list")
        self.assertEqual((self.mirror.trouble, self.mirror.in_touch), ("", True))
        self.assertEqual(self.mirror.cluster.services[API].revision, 5)
        self.change("other")
        self.assertEqual(self.mirror.cluster.revision, 6)

    def test_answered(self) -> None:
        """The changes that were reported while the answer was awaited are taken over with their list."""
        self.change(API.service)
        self.assertEqual((self.mirror.known_services(), self.mirror.cluster.revision), ({WEB}, 3))
        self.held.end("list")
        self.assertEqual((self.mirror.known_services(), self.mirror.cluster.revision), ({API, WEB}, 5))
        self.assertTrue(self.mirror.in_touch)

    def test_not_answered(self) -> None:
        """Where etcd does not answer, the changes that follow do not hide those that were missed."""
        self.refuse_answer()
        self.assertIn("etcd did not answer", self.mirror.trouble)
        self.assert_put_off()

    def test_lost(self) -> None:
        """Nor do they where the watch breaks meanwhile, and goes on after the list."""
        self.lost()
        self.held.end("list")
        self.assert_put_off()

    def test_too_much(self) -> None:
        """Nor where more is written than can wait."""
        for number in range(MOST_BYTES // 4096 + 1):
            self.assertTrue(self.mirror.in_touch)
            self.mirror.changed(Batch(1, 4, (Entry(KEYS.service(named(f"s{number}").name), b"", 4, 4),)))
            self.clock.advance(0)
        self.assertIn("more is written to etcd than can wait", self.mirror.trouble)
        self.held.end("list")
        self.assert_put_off()
