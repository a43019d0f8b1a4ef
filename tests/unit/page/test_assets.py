"""The files of the page."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.page.assets import ASSETS


class AssetTests(SynchronousTestCase):
    def test_names(self) -> None:
        """A file's path has the digest of its content, so it may be kept for good."""
        for name, asset in ASSETS.items():
            stem, _, kind = name.partition(".")
            self.assertEqual(asset.path, f"/page/{stem}-{asset.digest}.{kind}")
            self.assertTrue(asset.content)

    def test_nothing_external(self) -> None:
        """No file refers to another host, but for the names of XML."""
        for asset in ASSETS.values():
            content = asset.content.replace(b"http://www.w3.org/2000/svg", b"")
            self.assertNotIn(b"://", content)
            self.assertNotIn(b"@import", content)
