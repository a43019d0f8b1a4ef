"""Old images are removed after a while, and never while they may be needed."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.pruning import INTERVAL, MOST, Pruning, named_images
from daprdockr.model.errors import BadInput, EngineUnavailable, EtcdUnavailable
from daprdockr.model.images import HeldImage
from daprdockr.model.stored.history import RevisionRecord
from tests.build.values import KEYS, WEB, definition, named
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

HOURS = 2
OLD, NEW = HeldImage("sha256:1", ("web:1",)), HeldImage("sha256:2", ("web:2",))


class MemoryImages:
    """An Engine with some images, of which it does not let go those in ``kept``."""

    def __init__(self, *images: HeldImage) -> None:
        self.images = list(images)
        self.kept: set[str] = set()
        self.is_away = False

    def held(self) -> tuple[HeldImage, ...]:
        if self.is_away:
            raise EngineUnavailable("down")
        return tuple(self.images)

    def remove(self, image: HeldImage) -> bool:
        if image.id in self.kept:
            return False
        self.images.remove(image)
        return True


class PruningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = LoopClock()
        self.engine = MemoryImages(OLD, NEW)
        self.named = frozenset({"web:2"})
        self.failure: Exception | None = None
        self.is_certain = True
        self.lines = LogLines(self)
        self.pruning = Pruning(
            reactor=self.clock,
            run=run_at_once,
            images=self.engine,
            named=lambda: run_at_once(self.read),
            is_certain=lambda: self.is_certain,
            age=HOURS * 3600.0,
        )
        self.pruning.startService()
        self.addCleanup(self.pruning.stopService)

    def read(self) -> frozenset[str]:
        if self.failure is not None:
            raise self.failure
        return self.named

    def hours(self, hours: float) -> None:
        self.clock.pump([INTERVAL] * int(hours * 3600 / INTERVAL))

    def test_after_hours(self) -> None:
        """An image that nothing needed for so long is removed, and the log says so."""
        self.hours(HOURS)
        self.assertEqual(self.engine.images, [OLD, NEW])
        self.hours(0.5)
        self.assertEqual(self.engine.images, [NEW])
        self.assertEqual(self.lines("image"), ["removed image web:1, which nothing needed any more"])

    def test_others_stay(self) -> None:
        """Images that the Engine does not let go keep it from none of the others, however many they are."""
        stuck = [HeldImage(f"sha256:s{number}", ("web:1",)) for number in range(MOST)]
        self.engine.images = [*stuck, OLD, NEW]
        self.engine.kept = {image.id for image in stuck}
        self.hours(HOURS + 0.5)
        self.assertEqual(self.engine.images, [*stuck, NEW])

    def test_needed_meanwhile(self) -> None:
        """One that was needed meanwhile has all of the time again."""
        self.hours(1.5)
        self.named = frozenset({"web:1", "web:2"})
        self.hours(0.5)
        self.named = frozenset({"web:2"})
        self.hours(1.5)
        self.assertEqual(self.engine.images, [OLD, NEW])

    def test_gone_service(self) -> None:
        """The images of a service are remembered when it is deleted."""
        self.hours(0.5)
        self.named = frozenset()
        self.hours(HOURS + 1)
        self.assertEqual(self.engine.images, [])

    def test_uncertain(self) -> None:
        """Nothing is removed while this node is not certain of etcd, or neither answers."""
        self.hours(1)
        self.is_certain = False
        self.hours(2 * HOURS)
        self.is_certain, self.engine.is_away = True, True
        self.hours(HOURS)
        self.engine.is_away, self.failure = False, EtcdUnavailable("down")
        self.hours(HOURS)
        self.assertEqual(self.engine.images, [OLD, NEW])

    def test_unreadable(self) -> None:
        """A definition that cannot be read may name any image; that is logged once."""
        self.hours(1)
        self.failure = BadInput("no JSON")
        self.hours(2 * HOURS)
        line = "images are not pruned: a definition or a revision cannot be read, no JSON"
        self.assertEqual((self.lines("image"), self.engine.images), ([line], [OLD, NEW]))

    def test_many(self) -> None:
        """After each search some are removed; one that the Engine does not let go keeps no other one."""
        self.engine.images = [HeldImage(f"sha256:{n}", (f"web:old{n}",)) for n in range(MOST + 5)]
        self.engine.kept = {"sha256:0"}
        self.hours(HOURS)
        self.clock.advance(INTERVAL)
        self.assertEqual(len(self.engine.images), 6)


class NamedTests(SynchronousTestCase):
    def test_named(self) -> None:
        """All definitions and revisions count, those of deleted services too, and a digest that a restart states."""
        store = MemoryStore()
        store.put(KEYS.service(WEB), definition("web:2").encode())
        store.put(KEYS.revision(WEB, 1), RevisionRecord(definition("web:1")).encode())
        gone = named("gone", image="gone:1", Restarted=f"2026-01-01T00:00:00Z gone:1@sha256:{'5f' * 32}")
        store.put(KEYS.revision(gone.name, 7), RevisionRecord(gone).encode())
        self.assertEqual(named_images(store, KEYS), {"web:1", "web:2", f"gone@sha256:{'5f' * 32}"})
        store.put(KEYS.revision(WEB, 2), b"?")
        self.assertRaises(BadInput, named_images, store, KEYS)
