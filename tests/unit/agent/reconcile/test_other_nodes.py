"""Other nodes asked for an image: which of them, and what follows when one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred, FirstError, fail
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.other_nodes import FETCHES, FromOthers, NoOthers, OtherNodes
from daprdockr.model.errors import DiskError, EngineUnavailable
from daprdockr.model.images import ImageOffer
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch, Deleted, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.candidates import mark
from daprdockr.planning.handing import holders
from daprdockr.sessions.client import SessionFailed
from daprdockr.sessions.fetching import Fetching, Offered
from tests.build.images import IMAGE, NAME
from tests.build.values import KEYS
from tests.fakes.log_lines import LogLines
from tests.fakes.run import HeldRun, run_at_once

OTHER = f"sha256:{'7a' * 32}"
RECORD = NodeRecord(peer="10.0.0.1:5081", images=(mark(NAME),))


class PlayedSession:
    def __init__(self, node: str) -> None:
        self.node = node
        self.closed = False

    def close(self) -> None:
        self.closed = True


class PlayedFetching:
    """``offers`` says what nodes have, ``lost`` which of them fail when it is taken, ``full`` that none fits here."""

    node = "a"

    def __init__(self) -> None:
        self.engine = self
        self.offers: dict[str, ImageOffer] = {}
        self.lost: set[str] = set()
        self.full = ""
        self.asked: list[str] = []
        self.taken: list[str] = []
        self.sessions: list[PlayedSession] = []
        self.runs: str | None = "linux/amd64"

    def platform(self) -> str:
        if self.runs is None:
            raise EngineUnavailable("it hangs")
        return self.runs

    def offered(self, node: str, record: NodeRecord, reference: str) -> Offered:
        self.asked.append(node)
        if node not in self.offers:
            raise SessionFailed(f"node {node} is busy")
        self.sessions.append(PlayedSession(node))
        return Offered(cast(Any, self.sessions[-1]), self.offers[node])

    def take(self, offered: Offered, reference: str) -> int:
        self.taken.append(offered.session.node)
        offered.session.close()
        if self.full:
            raise DiskError(self.full)
        if offered.session.node in self.lost:
            raise SessionFailed(f"node {offered.session.node} is lost")
        return 100


class OtherNodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)
        self.played = PlayedFetching()
        self.nodes = self.others()
        self.have("b", "c", "d")
        self.order = holders(NAME, "a", {name: RECORD for name in "bcd"})

    def others(self, run: Any = run_at_once) -> OtherNodes:
        return OtherNodes(self.cluster, cast(Fetching, self.played), run)

    def have(self, *names: str, record: NodeRecord = RECORD) -> None:
        revision = self.cluster.revision + 1
        entries = tuple(Entry(KEYS.node(name), record.encode(), revision, revision, 7) for name in names)
        self.cluster.apply(Batch(1, revision, entries))

    def lose(self, *names: str) -> None:
        revision = self.cluster.revision + 1
        self.cluster.apply(Batch(1, revision, tuple(Deleted(KEYS.node(name), revision) for name in names)))

    def offer(self, *names: str, **changed: Any) -> None:
        for name in names:
            self.played.offers[name] = evolve(ImageOffer(IMAGE, (), 100), **changed)

    def fetch(self, reference: str = NAME) -> FromOthers:
        found = self.successResultOf(Deferred.fromCoroutine(self.nodes.fetch(reference)))
        self.assertTrue(all(session.closed for session in self.played.sessions))
        return found

    def test_handed(self) -> None:
        """One of those that have it hands it, and the others are let go."""
        self.offer("b", "c", "d", digest=OTHER)
        self.assertEqual(self.fetch(), FromOthers(self.order[0], 100, digest=OTHER))
        self.assertEqual(sorted(self.played.asked), ["b", "c", "d"])
        self.assertEqual(self.played.taken, self.order[:1])

    def test_next(self) -> None:
        """Where one is lost the next is asked again; one that has another image by now is passed over."""
        self.offer("b", "c", "d")
        first, second, third = self.order
        self.played.lost = {first, second}
        self.assertEqual(self.fetch().by, third)
        self.assertEqual((self.played.taken, self.played.asked[3:]), (self.order, [second, third]))

    def test_no_room(self) -> None:
        """Where this node has no room the others are not asked to save the image, too."""
        self.offer("b", "c", "d")
        self.played.full = "node a has no room"
        self.assertEqual(self.fetch(), FromOthers(failed="node a has no room"))
        self.assertEqual((self.played.taken, len(self.played.asked)), (self.order[:1], 3))

    def test_changed_meanwhile(self) -> None:
        """A node is passed over that has another image by now, none any more, or is gone itself."""
        first, second, third = self.order
        self.played.lost = {first}
        take = self.played.take
        for change in (
            lambda: self.offer(second, image=OTHER),
            lambda: self.played.offers.pop(second, None),
            lambda: self.lose(second),
        ):
            self.have("b", "c", "d")
            self.offer("b", "c", "d")

            def taken(offered: Offered, reference: str, change: Callable[[], object] = change) -> int:
                change()
                return take(offered, reference)

            self.patch(self.played, "take", taken)
            self.assertEqual(self.fetch().by, third)

    def test_none(self) -> None:
        """Where no node has it by its record none is asked, nor for a digest, nor for what can be no name."""
        self.assertEqual(self.fetch("shop/web:2"), FromOthers(is_nowhere=True))
        for reference in (f"shop/web@{IMAGE}", "Web"):
            self.assertEqual(self.fetch(reference), FromOthers())
        self.lose("b", "c", "d")
        self.assertEqual(self.fetch(), FromOthers())
        self.assertEqual(self.played.asked, [])

    def test_failed(self) -> None:
        """The reason is given for each that does not hand it, in one order, because another reason is another event."""
        self.offer("b")
        self.played.lost = {"b"}
        self.assertEqual(self.fetch().failed, "node b is lost; node c is busy; node d is busy")

    def test_platform(self) -> None:
        """An image for another platform is the registry's, and so is each while the Engine here does not answer."""
        self.offer("b", "c", "d", platform="linux/arm64")
        self.assertEqual(self.fetch(), FromOthers())
        self.played.runs = None
        self.assertEqual(self.fetch(), FromOthers(failed="it hangs"))

    def test_turns(self) -> None:
        """So many images come at once; a node that is gone when its turn comes is not asked."""
        run = HeldRun()
        self.nodes = self.others(run)
        self.offer("b", "c", "d")
        waiting = [Deferred.fromCoroutine(self.nodes.fetch(NAME)) for _ in range(FETCHES + 1)]
        self.assertEqual(run.names, ["offered"] * 3 * FETCHES)
        self.lose("b", "c", "d")
        while run.waiting:
            run.end(run.names[0])
        self.assertEqual([self.successResultOf(one).by for one in waiting], [self.order[0]] * FETCHES + [""])

    def test_fault(self) -> None:
        """A fault of the agent is logged, and leaves the registry."""
        lines = LogLines(self)
        self.nodes = self.others(lambda *_: fail(ZeroDivisionError()))
        self.assertEqual(self.fetch(), FromOthers())
        self.assertEqual(len(lines("was not had from other nodes")), 1)
        self.flushLoggedErrors(FirstError)

    def test_off(self) -> None:
        """A node that asks nobody has nothing of them."""
        found = self.successResultOf(Deferred.fromCoroutine(NoOthers().fetch(NAME)))
        self.assertEqual(found, FromOthers())
