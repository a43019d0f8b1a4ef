"""``push``: from the Engine here to nodes, and what it prints."""

from __future__ import annotations

import json
import tempfile

from daprdockr.cli.commands import push as command
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.images import ImageStock, Receipt
from daprdockr.model.stored.node import NodeRecord
from daprdockr.sessions.archive import read_archive
from tests.build.adapter import AdapterCase
from tests.build.images import DIFFS, IMAGE, NAME, filled, saved
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, Outcome, command_line
from tests.fakes.peer_node import PeerConnection, PeerNode

DONE = (FrameKind.STATUS, b"0")


class PushCommandTests(AdapterCase):
    """Node ``a``, and an Engine here that has the image."""

    def setUp(self) -> None:
        super().setUp()
        self.store = LentStore()
        self.engine_url = f"unix://{self.directory}/s"
        found = {"Id": IMAGE, "RootFS": {"Layers": [*DIFFS]}, "RepoTags": [NAME], "Size": 62_100_000}
        self.server.answers |= {
            "/info": (200, {"DriverStatus": []}),
            f"/images/{NAME}/json": (200, found),
            f"/images/{IMAGE}/json": (200, found),
            f"/images/{NAME}/get": (200, saved()),
            f"/images/{IMAGE}/get": (200, saved()),
            "/images/shop/web:9/json": (404, {"message": "No such image: shop/web:9"}),
        }

    def typed(self, *words: str) -> Outcome:
        return command_line(self.store, *words, environment={"DOCKER_HOST": self.engine_url})

    def node(self, stock: ImageStock, *handed: Receipt) -> None:
        def asked(one: PeerConnection) -> None:
            one.accept((FrameKind.OUTPUT, stock.encode()), DONE)

        def sent(one: PeerConnection) -> None:
            one.accept()
            while (frame := one.next()) and frame[0] is FrameKind.INPUT:
                pass
            one.send(*((FrameKind.OUTPUT, each.encode()) for each in handed), DONE)

        record = PeerNode(self, asked, *([sent] if handed else [])).record()
        self.store.put(KEYS.node("a"), record.encode(), self.store.lease)

    def test_pushed(self) -> None:
        """Progress is on stderr, and a line about the whole on stdout."""
        self.node(ImageStock(0), Receipt("a", 62_000_000))
        done = self.typed("push", NAME)
        self.assertEqual((done.status, done.stdout), (0, f"{NAME} is on 1 of 1 nodes, 0.0 MB were sent from here\n"))
        self.assertIn(f"reading {NAME} from the Docker Engine here, 62.1 MB", done.stderr)
        self.assertIn("a has it, and received 62.0 MB", done.stderr)

    def test_built_anew(self) -> None:
        """The image that the nodes were asked for is sent, also if its name leads to another one meanwhile."""
        self.server.answers[f"/images/{NAME}/get"] = (200, saved((b"other", b"layers" * 5000)))
        self.node(ImageStock(1), Receipt("a", 5))
        done = self.typed("push", NAME, "-o", "json")
        whole = read_archive(filled(self.enterContext(tempfile.TemporaryFile()), saved()), NAME)
        self.assertEqual((done.status, json.loads(done.stdout)["Sent"]), (0, whole.size(1)), done.stderr)

    def test_failed(self) -> None:
        """A node that does not have it is named, also in JSON, and the exit status says so."""
        self.node(ImageStock(0), Receipt("a", 5, "no space"))
        done = self.typed("push", NAME, "-node", "a", "-o", "json")
        self.assertEqual(done.status, 1)
        told = json.loads(done.stdout)
        self.assertEqual((told["Image"], told["Reference"]), (IMAGE, NAME))
        self.assertEqual(told["Nodes"], [{"Node": "a", "Octets": 5, "Failed": "no space"}])
        self.assertIn("is on 0 of 1 nodes", done.stderr.splitlines()[-1])

    def test_had(self) -> None:
        """An image that all nodes have is not read at all."""
        self.node(ImageStock(3, has=True))
        done = self.typed("push", IMAGE)
        self.assertEqual((done.status, done.stderr), (0, "a had it before\n"))
        self.assertNotIn(f"/images/{IMAGE}/get", self.server.paths())

    def test_containerd(self) -> None:
        """Where images are stored by containerd, the id of the image is read from the archive."""
        self.server.answers["/info"] = (200, {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]})
        status, document = self.server.answers[f"/images/{NAME}/json"]
        assert isinstance(document, dict)
        self.server.answers[f"/images/{NAME}/json"] = (status, document | {"Id": DIFFS[0]})
        self.node(ImageStock(1), Receipt("a", 5))
        done = self.typed("push", NAME, "-o", "json")
        self.assertEqual((done.status, json.loads(done.stdout)["Image"]), (0, IMAGE))

    def test_absent(self) -> None:
        """An image that the Engine here lacks is one line, and so is an Engine that is not there."""
        self.node(ImageStock(0))
        done = self.typed("push", "shop/web:9")
        self.assertEqual((done.status, len(done.stderr.splitlines())), (3, 1))
        self.assertIn("has no image shop/web:9", done.stderr)
        self.assertNotIn("sha256:", done.stderr)
        self.engine_url = "unix:///nowhere"
        done = self.typed("push", NAME)
        self.assertIn("start Docker, or correct its address (DOCKER_HOST is unix:///nowhere)", done.stderr)
        self.assertEqual(done.status, 1)

    def test_default_engine(self) -> None:
        """Without DOCKER_HOST the error names the socket that was asked."""
        self.patch(command, "DOCKER", "unix:///nowhere")
        self.node(ImageStock(0))
        self.engine_url = ""
        self.assertIn("(it is asked at unix:///nowhere, set DOCKER_HOST for", self.typed("push", NAME).stderr)

    def test_bad_engine(self) -> None:
        """A DOCKER_HOST that is no address is wrong usage, and is named."""
        self.engine_url = "rubbish"
        done = self.typed("push", NAME)
        self.assertEqual((done.status, len(done.stderr.splitlines())), (2, 1))
        self.assertIn("DOCKER_HOST names the Docker Engine of this machine: 'rubbish' is not usable", done.stderr)

    def test_part_of_id(self) -> None:
        """An id is taken as a whole; one that misses something is a name, and the error says so."""
        self.node(ImageStock(0))
        digits = IMAGE.partition(":")[2]
        for word in (digits[:12], digits, f"sha256:{digits[:12]}"):
            name = word if ":" in word else f"{word}:latest"
            self.server.answers[f"/images/{name}/json"] = (404, {"message": f"No such image: {name}"})
            done = self.typed("push", word)
            self.assertEqual((done.status, len(done.stderr.splitlines())), (3, 1))
            self.assertIn("write sha256: and all of its 64 digits", done.stderr)

    def test_too_many(self) -> None:
        """More nodes than fit a push are refused, with what to do."""
        self.patch(command, "MOST_NODES", 1)
        for name in ("a", "b"):
            self.store.put(KEYS.node(name), NodeRecord().encode(), self.store.lease)
        self.assertIn("name at most 1 with -node", self.typed("push", NAME).stderr)

    def test_words(self) -> None:
        """One image by a usable name, and nodes by usable names."""
        for words in ((), ("a", "b"), ("A",), ("web", "-node", "A B")):
            self.assertRaises(BadInput, read_request, ["push", *words], {})
        for nodes in ("", " ", ","):
            done = self.typed("push", "web", "-node", nodes)
            self.assertEqual((done.status, len(done.stderr.splitlines())), (2, 1))
            self.assertIn("-node names no node", done.stderr)
        request = read_request(["push", "web", "-node", "a,b", "-node", "c"], {"DOCKER_HOST": "unix:///s"})
        self.assertEqual((request.words, request.nodes), (("web",), ("a", "b", "c")))
        self.assertEqual(request.environment["DOCKER_HOST"], "unix:///s")
