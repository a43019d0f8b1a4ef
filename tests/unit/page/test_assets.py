"""The files of the page."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.page.assets import ASSETS, EDITION
from daprdockr.page.updates import ShownPage
from tests.build.page import seen, well


class AssetTests(SynchronousTestCase):
    def test_edition(self) -> None:
        """A page says in which edition of the files its elements are, and so does each update of it."""
        shown = ShownPage("e", seen(*well()))
        self.assertIn(f'<main id="main" tabindex="-1" data-edition="{EDITION}">', shown.page())
        self.assertEqual(json.loads(shown.whole().encode().decode().partition("data: ")[2])["edition"], EDITION)

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

    def test_older_browsers(self) -> None:
        """A browser without ``:has`` drops a rule with it, whole: so none has another selector, which it would obey."""
        rules = re.findall(r"([^{}]*:has[^{}]*)\{", ASSETS["page.css"].content.decode())
        self.assertTrue(rules)
        self.assertEqual([rule for rule in rules if "," in rule], [])
