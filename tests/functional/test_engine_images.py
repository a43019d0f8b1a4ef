"""Old images of a real Engine are found and removed, and those that something needs are not."""

from __future__ import annotations

import io
import secrets
import tarfile
from contextlib import closing

from docker import APIClient
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.images import EngineImages
from daprdockr.model.images import HeldImage
from daprdockr.planning.pruning import repositories, unneeded
from tests.rig.docker_engine import engine_url


class PrunedTests(SynchronousTestCase):
    """Some images of one repository that nobody else has."""

    def setUp(self) -> None:
        self.client = APIClient(base_url=engine_url(), version="auto")
        self.addCleanup(self.client.close)
        self.images = EngineImages(engine_url())
        self.addCleanup(self.images.close)
        self.repository = f"pruned-{secrets.token_hex(4)}/web"
        for tag in ("1", "2", "3"):
            self.make(tag)

    def make(self, tag: str) -> None:
        content = io.BytesIO()
        with closing(tarfile.open(fileobj=content, mode="w")) as archive:
            member = tarfile.TarInfo(f"{self.repository}/{tag}")
            archive.addfile(member)
        self.client.import_image_from_data(content.getvalue(), repository=self.repository, tag=tag)
        self.addCleanup(self.discard, f"{self.repository}:{tag}")

    def discard(self, name: str) -> None:
        if self.client.images(name):
            self.client.remove_image(name, force=True)

    def found(self, *named: str) -> list[HeldImage]:
        return list(unneeded(self.images.held(), named, repositories([self.repository])))

    def names(self, *named: str) -> list[str]:
        return sorted(name for image in self.found(*named) for name in image.references)

    def test_removed(self) -> None:
        """Images stay that are named or have a container; all others are gone after they were removed."""
        first, second, third = (f"{self.repository}:{tag}" for tag in "123")
        container = self.client.create_container(second, "/none")["Id"]
        self.addCleanup(self.client.remove_container, container)
        self.assertEqual((self.names(third), self.names()), ([first], [first, third]))
        self.client.tag(third, self.repository, "again")
        self.addCleanup(self.discard, f"{self.repository}:again")
        before = {image.id for image in self.images.held()}
        gone = self.found()
        self.assertEqual([self.images.remove(image) for image in gone], [True, True])
        self.assertEqual(before - {image.id for image in self.images.held()}, {image.id for image in gone})

    def test_container_meanwhile(self) -> None:
        """The Engine does not let go an image of which a container was made after the search."""
        (image,) = (one for one in self.found() if f"{self.repository}:1" in one.references)
        container = self.client.create_container(image.id, "/none")["Id"]
        self.addCleanup(self.client.remove_container, container)
        self.assertFalse(self.images.remove(image))
        self.assertTrue(self.images.has(image.id, f"{self.repository}:1"))
