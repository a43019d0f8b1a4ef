"""A push: nodes are asked, one is sent the image, and all that lack it at the end are named."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import pushing, side_by_side
from daprdockr.cli.pushing import Push, PushFailed, SavedImage, megabytes, pushed_to, saved
from daprdockr.model.errors import DiskError, NotFound
from daprdockr.model.frames import BUSY, FrameKind
from daprdockr.model.images import ImageStock, Receipt
from daprdockr.model.session import ImageAsked, StockAsked, image_token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.sessions.client import Sessions
from tests.build.images import DIFFS, IMAGE, NAME
from tests.build.images import saved as archive_of
from tests.build.values import KEYS
from tests.fakes.peer_node import PeerConnection, PeerNode
from tests.fakes.store import MemoryStore

DONE = (FrameKind.STATUS, b"0")
WEB = SavedImage(IMAGE, NAME, DIFFS)


def lacks(one: PeerConnection) -> None:
    one.accept((FrameKind.OUTPUT, ImageStock(1).encode()), DONE)


def full(one: PeerConnection) -> None:
    one.asked()
    one.send((FrameKind.REFUSED, b"full"), (FrameKind.STATUS, BUSY))


class Saving:
    """An Engine that has the image."""

    def save(self, reference: str) -> Iterator[bytes]:
        assert reference == NAME
        yield from (archive_of()[:5000], archive_of()[5000:])


class PushCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.store = MemoryStore()
        self.said: list[str] = []
        self.records: dict[str, NodeRecord] = {}
        self.asked: list[object] = []

    def node(self, name: str, stock: ImageStock | str, *handed: Receipt) -> None:
        """A node that has this of the image, or does not say; and says that when it is sent it."""

        def asked(one: PeerConnection) -> None:
            self.asked.append(one.accept().asked)
            answer = (FrameKind.OUTPUT, stock.encode()) if isinstance(stock, ImageStock) else None
            one.send(*([answer, DONE] if answer else [(FrameKind.REFUSED, str(stock).encode())]))

        def sent(one: PeerConnection) -> None:
            request = one.accept()
            self.asked.append(request.asked)
            assert isinstance(request.asked, ImageAsked)
            for node in (name, *request.asked.then):
                key = KEYS.session(image_token_digest(request.token, node, request.asked))
                entry = self.store.get(key)
                assert entry is not None and entry.lease
                self.assertEqual(TokenRecord.decode(entry.value), TokenRecord(node, "anna@desk"))
            while (frame := one.next()) and frame[0] is FrameKind.INPUT:
                self.now += 1.0
            one.send(*((FrameKind.OUTPUT, each.encode()) for each in handed), DONE)

        self.records[name] = PeerNode(self, asked, *([sent] if handed else [])).record()

    def pushing(self, say: Callable[[str], None] | None = None) -> Push:
        sessions = Sessions(self.store, KEYS, "anna@desk", lambda: self.now)
        return Push(sessions, self.records, say or self.said.append, self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def plays(self, name: str, *plays: Callable[[PeerConnection], object]) -> None:
        self.records[name] = PeerNode(self, *plays).record()


class PushTests(PushCase):
    def push(self) -> Push:
        push = self.pushing()
        nodes = push.ask(WEB)
        if nodes:
            with tempfile.TemporaryFile() as file:
                push.hand(saved(Saving(), NAME, NAME, file), nodes)
        return push

    def test_pushed(self) -> None:
        """Nodes that lack it get it by the first of them, with tokens for just this; those that have it get nothing."""
        self.node("a", ImageStock(3, has=True))
        self.node("b", ImageStock(1))
        self.node("c", ImageStock(0), Receipt("c", 7_000_000), Receipt("b", 100_000))
        push = self.push()
        push.check(NAME)
        self.assertEqual(self.asked[:1], [StockAsked(IMAGE, NAME, DIFFS)])
        sent = self.asked[-1]
        assert isinstance(sent, ImageAsked)
        self.assertEqual((sent.image, sent.reference, sent.held, sent.then), (IMAGE, NAME, 0, {"b": 1}))
        self.assertEqual((push.sent, push.done["a"]), (sent.size, Receipt("a")))
        self.assertEqual(self.said[0], "a had it before")
        self.assertEqual(self.said[-2:], ["c has it, and received 7.0 MB", "b has it, and received 0.1 MB"])
        self.assertIn("c: 0.0 of 0.0 MB sent", self.said)
        left = self.store.list(f"{KEYS.root}sessions/").entries
        self.assertEqual(len(left), len("abc"))  # of the questions, which end with their lease

    def test_failed(self) -> None:
        """Those that do not have it are named with the reason, a few of many."""
        self.node("a", "the Docker Engine of a is gone")
        self.node("b", ImageStock(0), Receipt("b", 5, "no space"))
        push = self.push()
        self.assertIn("a: the Docker Engine of a is gone", self.said)
        text = str(self.assertRaises(PushFailed, push.check, NAME))
        self.assertIn(f"{NAME} is on 0 of 2 nodes, push it again for the others: a: the Docker Engine of a is", text)
        self.assertIn("b: no space", text)
        for number in range(5):
            push.take(Receipt(f"n{number}", failed="x"))
        self.assertIn("and 4 more", str(self.assertRaises(PushFailed, push.check, NAME)))

    def test_busy(self) -> None:
        """A node that takes other images is tried again, at the question and at the image; the others come first."""

        def taken(one: PeerConnection) -> None:
            one.accept()
            while (frame := one.next()) and frame[0] is FrameKind.INPUT:
                pass
            one.send((FrameKind.OUTPUT, Receipt("a", 7_000_000).encode()), DONE)

        self.plays("a", full, lacks, full, full, taken)
        self.node("b", ImageStock(1), Receipt("b", 100_000))
        self.push().check(NAME)
        self.assertEqual(
            [line for line in self.said if "sent" not in line],
            [
                "b has it, and received 0.1 MB",
                "a with other images under way: trying again for up to 60 s",
                "a has it, and received 7.0 MB",
            ],
        )

    def test_busy_for_long(self) -> None:
        """A node that takes other images all the time is reported with its reason; one of those behind it as well."""
        self.plays("a", *[full] * 40)
        self.node("b", ImageStock(0), Receipt("b", 5), Receipt("c", failed="full", is_busy=True))
        self.plays("c", lacks, *[full] * 40)
        push = self.push()
        self.assertIn("a: full", self.said)
        self.assertEqual(push.done["c"], Receipt("c", failed="full", is_busy=True))
        self.assertEqual((push.done["b"], self.said.count("c: full")), (Receipt("b", 5), 1))
        self.assertGreaterEqual(self.now, pushing.BUSY)

    def test_waiting(self) -> None:
        """The outcome of a node is said as it comes, and who is waited for; one that gives signs is not lost."""
        self.patch(pushing, "PATIENCE", 2.0)
        self.patch(side_by_side, "SILENT", 0.2)
        said = threading.Event()  # that the silent one is lost

        def say(line: str) -> None:
            self.said.append(line)
            if line.startswith("a:"):
                said.set()

        def silent(one: PeerConnection) -> None:
            one.accept()
            said.wait(20.0)

        def slow(one: PeerConnection) -> None:
            one.accept()
            while not said.wait(0.3):
                one.send((FrameKind.OUTPUT, b""))
            one.send((FrameKind.OUTPUT, ImageStock(3, has=True).encode()), DONE)

        self.records["a"] = PeerNode(self, silent).record()
        self.records["b"] = PeerNode(self, slow).record()
        self.node("c", ImageStock(3, has=True))
        push = self.pushing(say)
        push.ask(WEB)
        self.assertEqual(self.said[:2], ["c had it before", "waiting for a, b"])
        self.assertEqual(self.said[2], "a: node a did not go on within 2 s")
        self.assertEqual(self.said[-1], "b had it before")
        self.assertIn("on 2 of 3", str(self.assertRaises(PushFailed, push.check, NAME)))

    def test_summary(self) -> None:
        """Nodes that failed are named in one order, whichever was first."""
        push = self.pushing()
        for name in "cab":
            push.take(Receipt(name, failed="x"))
        self.assertIn("a: x; b: x; c: x", str(self.assertRaises(PushFailed, push.check, NAME)))


class SavedTests(SynchronousTestCase):
    def test_room(self) -> None:
        """A machine without room for the image says so."""

        class Full:
            def save(self, reference: str) -> Iterator[bytes]:
                raise OSError(28, "No space left on device")
                yield b""

        with tempfile.TemporaryFile() as file:
            refusal = self.assertRaises(DiskError, saved, Full(), NAME, NAME, file)
        self.assertIn("No space left", str(refusal))
        self.assertEqual(megabytes(62_100_000), "62.1 MB")


class NodesTests(SynchronousTestCase):
    def test_nodes(self) -> None:
        """All nodes are meant, or those that are named, once each; one that does not exist is an error."""
        store = MemoryStore()
        self.assertRaises(NotFound, pushed_to, store, KEYS, [])
        for name in ("host1", "host2"):
            store.put(KEYS.node(name), NodeRecord(version=name).encode(), store.grant(30).id)
        self.assertEqual([*pushed_to(store, KEYS, [])], ["host1", "host2"])
        self.assertEqual([*pushed_to(store, KEYS, ["host2", "host2"])], ["host2"])
        self.assertIn("did you mean host", str(self.assertRaises(NotFound, pushed_to, store, KEYS, ["host3"])))
