"""An image that is not here: from other nodes, from its registry, or from neither."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.stock import Stock
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.other_nodes import FromOthers
from daprdockr.agent.reconcile.pulling import MOST_FAILED, Pulling
from daprdockr.model.errors import ImageRefused, PullFailed
from daprdockr.model.host import Image
from daprdockr.planning.container_steps import PullImage
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import OnePool, run_at_once

HANDED = FromOthers("b", 62_100_000)


class PulledTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.engine = MemoryEngine(node="a")
        self.told: list[tuple[str, str]] = []
        self.others = FromOthers()
        self.asked: list[str] = []
        pool = OnePool(run_at_once)
        self.stock = Stock(lambda reference: None)
        threads = EngineThreads(self.engine, pool, pool, pool, self)
        self.pulling = Pulling(threads, self.stock, lambda subject, text: self.told.append((subject, text)))

    async def fetch(self, reference: str) -> FromOthers:
        """As the other nodes are asked."""
        self.asked.append(reference)
        if self.others.by:
            self.engine.add_image(reference)
        return self.others

    def pull(self, step: PullImage) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.pulling(step)))

    def failure(self, step: PullImage, kind: type[PullFailed]) -> str:
        error = self.failureResultOf(Deferred.fromCoroutine(self.pulling(step)), kind).value
        self.assertIs(type(error), kind)
        return str(error)

    def test_handed(self) -> None:
        """An image that another node hands is not pulled, and people learn where it came from."""
        self.others = HANDED
        self.pull(PullImage("web:2"))
        self.assertEqual(self.told, [("web:2", "node b handed the image to this one, 62.1 MB")])
        self.assertEqual((self.engine.calls["pull"], [*self.stock.images]), (0, ["web:2"]))

    def test_registry(self) -> None:
        """An image that no other node hands is pulled, for whatever reason they do not."""
        self.engine.add_image("web:2", local=False)
        self.others = FromOthers(failed="node b is busy")
        self.pull(PullImage("web:2"))
        self.assertEqual((self.engine.calls["pull"], self.told), (1, []))

    def test_at_last(self) -> None:
        """An image that could not be had, which was an event, is an event when it is there."""
        step = PullImage("web:2")
        for _ in range(2):
            self.failure(step, ImageRefused)
        self.engine.add_image("web:2", local=False)
        self.pull(step)
        self.pull(step)
        self.assertEqual(self.told, [("web:2", "is there at last, after 2 attempts that failed")])

    def test_forgotten(self) -> None:
        """Of very many images that could not be had the first one is forgotten."""
        for number in range(MOST_FAILED + 1):
            self.failure(PullImage(f"web:{number}"), ImageRefused)
        for number in (0, 1):
            self.engine.add_image(f"web:{number}", local=False)
            self.pull(PullImage(f"web:{number}"))
        self.assertEqual(self.told, [("web:1", "is there at last, after one attempt that failed")])

    def test_there(self) -> None:
        """Nobody is asked for what is here, nor for a restart with what is here."""
        self.engine.add_image("web:2")
        self.pull(PullImage("web:2"))
        self.pull(PullImage("web:2", "now"))
        self.assertEqual((self.asked, self.engine.calls["pull"]), ([], 1))

    def test_restarted(self) -> None:
        """A restart asks the registry, because the tag may have moved; the others if that gives none."""
        self.engine.add_image("web:2", local=False)
        self.pull(PullImage("web:2", "now"))
        self.assertEqual((self.asked, self.stock.resolved["web:2", "now"] != ""), ([], True))
        self.engine.images = {}
        self.engine.registry_away = True
        self.others = HANDED
        self.pull(PullImage("web:2", "again"))
        resolved = self.stock.resolved["web:2", "again"]
        self.assertEqual((self.asked, resolved, len(self.told)), (["web:2"], "", 1))

    def test_handed_digest(self) -> None:
        """The digest of an image that a node handed is known after a restart, as long as it is that image."""
        self.others = FromOthers("b", 10, digest="sha256:before")
        self.pull(PullImage("web:2"))
        handed = self.stock.images["web:2"]
        self.engine.publish("web:2", Image("sha256:other"))
        self.pull(PullImage("web:2", "now"))
        self.assertEqual(self.stock.digest("web:2", handed), "sha256:before")
        self.assertEqual(self.stock.digest("web:2", Image("sha256:other")), "")
        self.assertEqual(self.stock.digest("web:2", None), "")
        self.stock.removed("web:2")
        self.assertEqual(self.stock.digest("web:2", handed), "")

    def test_neither(self) -> None:
        """A registry that refuses counts if no node has it; where one has it, it may hand it the next time."""
        self.assertRegex(self.failure(PullImage("web:2"), ImageRefused), "manifest unknown$")
        self.others = FromOthers(is_nowhere=True)
        said = self.failure(PullImage("web:2"), ImageRefused)
        self.assertIn("manifest unknown; no other node is known to have it", said)
        self.others = FromOthers(failed="node b is busy")
        for step in (PullImage("web:2"), PullImage("web:2", "now")):
            said = self.failure(step, PullFailed)
            self.assertIn("manifest unknown; node b is busy", said)
        self.assertEqual(len(self.asked), 4)
