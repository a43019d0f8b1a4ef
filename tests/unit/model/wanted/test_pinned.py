"""The digest to which a restart resolved a tag counts for that reference, and makes another definition."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.pinned import pin, pinned, repository
from tests.build.values import definition

DIGEST = "sha256:" + "a1" * 32
NOW = "2026-11-28T13:00:00.000000Z"


class PinnedTests(SynchronousTestCase):
    def test_repository(self) -> None:
        """A repository has neither tag nor digest; the port of a registry is no tag."""
        for reference, expected in (
            ("web", "web"),
            ("web:1", "web"),
            ("127.0.0.1:5000/shop/web", "127.0.0.1:5000/shop/web"),
            ("127.0.0.1:5000/shop/web:1", "127.0.0.1:5000/shop/web"),
            (f"web:1@{DIGEST}", "web"),
        ):
            self.assertEqual(repository(reference), expected)

    def test_written_and_read(self) -> None:
        """A digest is found for the reference that it was written down for, and a second one takes its place."""
        restarted = pin(pin(NOW, "host:5000/web:1", "sha256:" + "0" * 64), "host:5000/web:1", DIGEST)
        self.assertEqual(restarted, f"{NOW} host:5000/web:1@{DIGEST}")
        self.assertEqual(pinned(restarted, "host:5000/web:1"), f"host:5000/web@{DIGEST}")
        self.assertEqual(pinned(restarted, "host:5000/web:2"), "")

    def test_none(self) -> None:
        """A time alone, nothing, and what is no digest, state none."""
        for restarted in (
            "",
            NOW,
            f"{NOW} ",
            f"{NOW} web:1",
            f"{NOW} web:1@",
            f"{NOW} web:1@latest",
            f"web:1@{DIGEST}",
        ):
            self.assertEqual(pinned(restarted, "web:1"), "", restarted)

    def test_never(self) -> None:
        """A definition that was not restarted, and is held to a digest, makes the same containers, and pulls none."""
        plain, held = definition("web:1"), definition("web:1", Restarted=pin("never", "web:1", DIGEST))
        other = definition("web:2", Restarted=held.restarted)
        self.assertEqual((held.digest, held.image, held.to_pull), (plain.digest, f"web@{DIGEST}", ""))
        self.assertEqual((other.digest, other.image, other.to_pull), (definition("web:2").digest, "web:2", ""))

    def test_definition(self) -> None:
        """The containers are made from the digest, and nothing is pulled again; another image ends that."""
        plain, restarted = definition("web:1"), definition("web:1", Restarted=NOW)
        found = definition("web:1", Restarted=pin(NOW, "web:1", DIGEST))
        other = definition("web:2", Restarted=found.restarted)
        images = ["web:1", "web:1", f"web@{DIGEST}", "web:2"]
        self.assertEqual([one.image for one in (plain, restarted, found, other)], images)
        self.assertEqual([one.to_pull for one in (plain, restarted, found)], ["", NOW, ""])
        self.assertEqual(other.to_pull, found.restarted)
        self.assertEqual(len({one.digest for one in (plain, restarted, found, other)}), 4)
        self.assertEqual(Definition.read(found.write()), found)
