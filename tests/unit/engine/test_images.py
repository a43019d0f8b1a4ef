"""Images of an Engine: what it has, saved and loaded, seen by a scripted Engine behind a real Unix socket."""

from __future__ import annotations

import json
import socket
from time import monotonic
from typing import Any

from daprdockr.engine import images
from daprdockr.engine.images import EngineImages, StoredImage
from daprdockr.model.errors import EngineFailed, EngineRefused, EngineUnavailable, ImageAbsent
from daprdockr.model.images import HeldImage, ImageOffer, ImageStock
from tests.build.adapter import AdapterCase
from tests.build.images import DIFFS, IMAGE, NAME

ABSENT = (404, {"message": "No such image: x"})


class ImagesTests(AdapterCase):
    def setUp(self) -> None:
        super().setUp()
        self.images = EngineImages(f"unix://{self.directory}/s")
        self.addCleanup(self.images.close)
        self.server.answers["/info"] = (200, {"DriverStatus": [["Backing Filesystem", "extfs"]]})
        self.server.answers["/images/json"] = (200, [])
        for name in (IMAGE, NAME):
            self.server.answers[f"/images/{name}/json"] = ABSENT

    def have(self, id: str, layers: tuple[str, ...], *names: str) -> None:
        found = {"Id": id, "RootFS": {"Layers": [*layers]}, "RepoTags": [*names], "Size": 5}
        for name in (id, *names):
            self.server.answers[f"/images/{name}/json"] = (200, found)
        listed = self.server.answers["/images/json"][1]
        assert isinstance(listed, list)
        listed.append({"Id": id, "Created": len(listed)})

    def by_containerd(self) -> None:
        self.server.answers["/info"] = (200, {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]})

    def test_look(self) -> None:
        """An image is known by its id, layers and names; one that is not there is None."""
        self.assertIsNone(self.images.look(NAME))
        self.have(IMAGE, DIFFS, NAME)
        self.assertEqual(self.images.look(NAME), StoredImage(IMAGE, DIFFS, (NAME,), 5))
        self.assertEqual((self.images.has(IMAGE, NAME), self.images.has(DIFFS[0], NAME)), (True, False))
        self.server.answers[f"/images/{NAME}/json"] = (500, {"message": "broken"})
        self.assertRaises(EngineRefused, self.images.look, NAME)

    def test_stock(self) -> None:
        """The layers that any image has count, and an image is inspected once; a name that it lacks is not had."""
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(0))
        self.have("sha256:other", (*DIFFS[:2], "sha256:x"))
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(2))
        self.have(IMAGE, DIFFS, NAME)
        self.server.asked.clear()
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(3, has=True))
        self.assertNotIn("/images/sha256:other/json", self.server.paths())
        self.assertEqual(self.images.stock(IMAGE, "shop/web:2", DIFFS), ImageStock(3))
        self.assertEqual(self.images.stock(IMAGE, "", DIFFS), ImageStock(3, has=True))

    def test_stock_of_hung(self) -> None:
        """An Engine that hangs is given up sooner than elsewhere, because somebody waits for the answer."""
        self.patch(images, "STOCK_TIMEOUT", 0.2)
        self.enterContext(unanswered := socket.socket(socket.AF_UNIX))
        unanswered.bind(f"{self.directory}/hung")
        unanswered.listen()
        hung = EngineImages(f"unix://{self.directory}/hung")
        self.addCleanup(hung.close)
        began = monotonic()
        self.assertIn("did not answer", str(self.assertRaises(EngineUnavailable, hung.stock, IMAGE, NAME, DIFFS)))
        self.assertLess(monotonic() - began, 20)

    def test_offer(self) -> None:
        """Other nodes learn what there is of an image, if it is there; its id only where they know it by that, too."""
        self.assertIsNone(self.images.offer(NAME))
        self.have(IMAGE, DIFFS, NAME)
        self.assertEqual(self.images.offer(NAME), ImageOffer(IMAGE, DIFFS, 5))
        found: Any = self.server.answers[f"/images/{NAME}/json"][1]
        found.update({"Os": "linux", "Architecture": "arm64", "Created": "1970-01-01T00:00:17.123456789Z"})
        found["RepoDigests"] = [f"shop/web@{IMAGE}", f"other/web@{DIFFS[0]}"]
        offer = self.images.offer(NAME)
        assert offer is not None
        self.assertEqual((offer.platform, int(offer.built), offer.digest), ("linux/arm64", 17, IMAGE))
        for created in ("0001-01-01T00:00:00Z", "1960-01-01T00:00:00Z", "yesterday"):
            found["Created"] = created
            offer = self.images.offer(NAME)
            assert offer is not None
            self.assertEqual(offer.built, 0.0)
        self.by_containerd()
        offer = self.images.offer(NAME)
        assert offer is not None
        self.assertEqual(offer.image, "")

    def test_platform(self) -> None:
        """An Engine says for which platform it runs images."""
        self.server.answers["/version"] = (200, {"Os": "linux", "Arch": "amd64", "ApiVersion": "1.41"})
        self.assertEqual(self.images.platform(), "linux/amd64")

    def test_most(self) -> None:
        """Of too many images the newest are searched; one that is removed meanwhile is left out."""
        self.patch(images, "MOST_IMAGES", 1)
        self.have("sha256:old", DIFFS)
        self.have("sha256:new", DIFFS[:1])
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(1))
        self.server.answers["/images/json"] = (200, [{"Id": "sha256:gone", "Created": 9}])
        self.server.answers["/images/sha256:gone/json"] = ABSENT
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(0))

    def test_containerd(self) -> None:
        """An Engine that stores images by containerd takes whole ones, and knows them by another id."""
        self.by_containerd()
        self.assertTrue(self.images.stores_whole())
        self.have("sha256:another", DIFFS, NAME)
        self.assertEqual(self.images.stock(IMAGE, NAME, DIFFS), ImageStock(0))
        self.assertTrue(self.images.has(IMAGE, NAME))
        self.assertFalse(self.images.has(IMAGE, "shop/web:2") if self.absent("shop/web:2") else True)
        self.assertEqual(self.images.stock("sha256:another", NAME, DIFFS), ImageStock(0, has=True))

    def absent(self, name: str) -> bool:
        self.server.answers[f"/images/{name}/json"] = ABSENT
        return True

    def test_saved(self) -> None:
        """An image is saved in pieces; one that is not there is an error."""
        self.server.answers[f"/images/{NAME}/get"] = (200, b"archive")
        self.assertEqual(b"".join(self.images.save(NAME)), b"archive")
        self.server.answers[f"/images/{NAME}/get"] = ABSENT
        self.assertRaises(ImageAbsent, lambda: [*self.images.save(NAME)])

    def test_loaded(self) -> None:
        """An archive is loaded; what the Engine says against it, an old one or a new one, is the error."""
        loaded, why = {"stream": "Loaded image"}, "no space\nleft"
        for more in ([], [{"errorDetail": {}, "error": why}], [{"errorDetail": {"message": why}}]):
            lines = [loaded, *more]
            self.server.answers["/images/load"] = (200, b"".join(json.dumps(line).encode() + b"\r\n" for line in lines))
            if more:
                refusal = self.assertRaises(EngineRefused, self.images.load, iter([b"archive"]))
                self.assertIn("could not load the image: no space left", str(refusal))
            else:
                self.images.load(iter([b"archive"]))
        self.images.close()
        self.assertRaises(EngineUnavailable, self.images.load, iter([b"archive"]))

    def test_load_refused(self) -> None:
        """An archive that the Engine refuses as a whole, in an answer of unknown length, is not loaded."""
        self.server.answers["/images/load"] = (500, {"message": "no space left on device"})
        refusal = self.assertRaises(EngineFailed, self.images.load, iter([b"archive"]))
        self.assertIn("no space left on device", str(refusal))

    def test_held(self) -> None:
        """All images are listed with their names, if they have any, and whether there is a container of them."""
        old = {"Id": "sha256:1", "RepoTags": ["<none>:<none>"], "RepoDigests": ["shop/web@sha256:5f"]}
        bare = {"Id": "sha256:2", "RepoTags": None, "RepoDigests": ["<none>@<none>"]}
        self.server.answers["/images/json"] = (200, [old, bare, {"Id": "sha256:3", "RepoTags": [NAME]}])
        self.server.answers["/containers/json"] = (200, [{"Id": "c", "ImageID": "sha256:3"}])
        digests = HeldImage("sha256:1", (), ("shop/web@sha256:5f",))
        used = HeldImage("sha256:3", (NAME,), is_used=True)
        self.assertEqual(self.images.held(), (digests, HeldImage("sha256:2"), used))

    def test_removed(self) -> None:
        """An image loses each of its names, and is gone with the last."""
        image = HeldImage(IMAGE, (NAME, "shop/web:0"), ("shop/web@sha256:5f",))
        for name in image.references:
            self.server.answers[f"/images/{name}"] = (200, [{"Untagged": name}])
        self.server.answers["/images/shop/web%40sha256:5f"] = ABSENT
        self.assertTrue(self.images.remove(image))

    def test_not_removed(self) -> None:
        """One that a container needs is left, and so is one that got another name."""
        image = HeldImage(IMAGE, (NAME,))
        self.server.answers[f"/images/{NAME}"] = (409, {"message": "conflict: container 1 is using its image"})
        self.assertFalse(self.images.remove(image))
        self.have(IMAGE, DIFFS, "mine:latest")
        self.server.answers[f"/images/{NAME}"] = (200, [{"Untagged": NAME}])
        self.assertFalse(self.images.remove(image))
